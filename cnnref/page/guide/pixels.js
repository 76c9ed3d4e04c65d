// Chapter: a picture is numbers.

import { chapter, pictureFigure } from "./parts.js";
import { h, set, slider } from "../view/elements.js";
import { heatMap } from "../view/numbers.js";
import { phrase } from "../texts/texts.js";

const COLOURS = [phrase("guide.pixels.red"), phrase("guide.pixels.green"), phrase("guide.pixels.blue")];
const CHANNELS = [
  phrase("guide.pixels.its-red-channel"),
  phrase("guide.pixels.its-green-channel"),
  phrase("guide.pixels.its-blue-channel"),
];

/** @type {(context: import("./parts.js").Context) => HTMLElement} */
export function chapterPixels(context) {
  const mix = [230, 126, 34];
  const swatch = h("div", { class: "swatch", role: "img" });
  const code = h("output", { class: "big" });
  const sliders = mix.map((value, part) =>
    slider({
      label: COLOURS[part],
      min: 0,
      max: 255,
      value,
      onInput: (next) => {
        mix[part] = next;
        draw();
      },
    }),
  );
  const maps = h("div", { class: "row split" });
  const note = h("p", { class: "note" });

  function draw() {
    const text = mix.join(", ");
    set(swatch, { "aria-label": phrase("guide.pixels.the-colour", { text }), style: { background: `rgb(${text})` } });
    code.textContent = text;
  }

  function showPicture() {
    const { values, rows, columns, channels } = context.picture;
    /** @type {(row: number, column: number) => void} */
    const choose = (row, column) => {
      figures.forEach((figure) => figure.choose(row, column));
      const pixel = Array.from(
        values.slice((row * columns + column) * channels, (row * columns + column + 1) * channels),
      );
      COLOURS.forEach((_, part) => {
        mix[part] = pixel[part] ?? pixel[0];
        sliders[part].show(mix[part]);
      });
      note.textContent = phrase("guide.pixels.row-column-of-your", { row, column, value: pixel.join(", ") });
      draw();
    };
    /** @type {(part: number) => import("../view/numbers.js").HeatMap} */
    const channel = (part) =>
      heatMap({
        values: values.filter((_, index) => index % channels === part),
        rows,
        columns,
        pixels: true,
        limit: 255,
        onPick: choose,
        name: channels === 1 ? phrase("guide.pixels.your-picture-its-one") : CHANNELS[part],
      });
    const split = Array.from({ length: channels }, (_, part) => channel(part));
    const figures = channels === 1 ? split : [
      pictureFigure(context.picture, phrase("guide.pixels.your-picture"), choose),
      ...split,
    ];
    note.textContent =
      channels === 1
        ? phrase("guide.pixels.your-picture-is-gray")
        : phrase("guide.pixels.choose-a-pixel-of");
    maps.replaceChildren(...figures);
  }

  draw();
  showPicture();
  context.onPicture(showPicture);
  return chapter(
    "guide-pixels",
    phrase("guide.pixels.words"),
    phrase("guide.pixels.try"),
    [h("div", { class: "row mixer" }, h("div", { class: "stack" }, sliders), h("div", {}, swatch, code)), note, maps],
  );
}
