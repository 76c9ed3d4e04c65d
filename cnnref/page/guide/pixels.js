// Chapter: a picture is numbers.

import { chapter, pictureFigure } from "./parts.js";
import { h, set, slider } from "../view/elements.js";
import { heatMap } from "../view/numbers.js";

const COLOURS = ["red", "green", "blue"];

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
    set(swatch, { "aria-label": `the colour ${text}`, style: { background: `rgb(${text})` } });
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
      note.textContent = `Row ${row}, column ${column} of your picture: ${pixel.join(", ")}.`;
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
        name: channels === 1 ? "your picture: its one channel" : `its ${COLOURS[part]} channel`,
      });
    const split = Array.from({ length: channels }, (_, part) => channel(part));
    const figures = channels === 1 ? split : [pictureFigure(context.picture, "your picture", choose), ...split];
    note.textContent =
      channels === 1
        ? "Your picture is gray: it has one channel, one number a pixel. Choose a pixel to set all sliders to it."
        : "Choose a pixel of your picture to set the sliders to it.";
    maps.replaceChildren(...figures);
  }

  draw();
  showPicture();
  context.onPicture(showPicture);
  return chapter(
    "guide-pixels",
    [
      "A picture on a screen is a grid of pixels, and a pixel is three numbers from 0 to 255: how much red, green",
      "and blue light it gives. All the red numbers together are one channel, a gray picture in its own right; so",
      "are the green and the blue. A network sees nothing but these numbers.",
      "Mix a colour.",
    ],
    [h("div", { class: "row mixer" }, h("div", { class: "stack" }, sliders), h("div", {}, swatch, code)), note, maps],
  );
}
