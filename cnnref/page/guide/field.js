// Chapters: what a number sees of the picture; kernels of one pixel, and kernels of one channel.
/** @import { Context } from "./parts.js" */

import { fieldsAfter } from "./arithmetic.js";
import { chapter, editTable, inBrackets, productsText, seenIn, sumLine, sums } from "./parts.js";
import { h, slider, svg } from "../view/elements.js";
import { saveButtons } from "../view/save.js";
import { phrase } from "../texts/texts.js";

/** @type {(context: Context) => HTMLElement} */
export function chapterField(context) {
  const given = { layers: 3, kernel: 3, stride: 1 };
  const line = sums();
  const drawing = h("div");
  /** @type {(name: keyof typeof given, label: string, min: number, max: number) => HTMLElement} */
  const control = (name, label, min, max) =>
    slider({ label, min, max, value: given[name], onInput: (value) => {
      given[name] = value;
      draw();
    } });

  function draw() {
    const { kernel, stride } = given;
    const fields = fieldsAfter(new Array(given.layers).fill({ kernel, stride }));
    let [size, jump] = [1, 1];
    line.replaceChildren(
      ...fields.map((one, index) => {
        const text = phrase("guide.field.layer-1", { index: index + 1, size, kernel, jump });
        ({ size, jump } = one);
        return sumLine(text, phrase("guide.field.pixels", { count: size }));
      }),
    );
    drawing.replaceChildren(pyramid(given.layers, kernel, stride));
  }

  draw();
  return chapter(
    "guide-field",
    phrase("guide.field.words"),
    phrase("guide.field.try"),
    [
      h(
        "div",
        { class: "controls" },
        control("layers", phrase("guide.field.layers"), 1, 4),
        control("kernel", phrase("guide.field.kernel"), 1, 5),
        control("stride", phrase("guide.field.stride"), 1, 2),
      ),
      drawing,
      saveButtons(phrase("guide.field.receptive-field"), () => drawing),
      line,
      h("p", { class: "note" }, phrase("guide.field.one-axis-a-frame")),
    ],
    seenIn(context, ["conv", "depthwise", "maxpool", "averagepool"]),
  );
}

/**
 * A row of numbers for each layer, the picture at the bottom; what the one at the top was computed from is filled.
 * @type {(layers: number, kernel: number, stride: number) => SVGElement}
 */
function pyramid(layers, kernel, stride) {
  const counts = [1]; // from the top down
  for (let layer = 0; layer < layers; layer++) counts.push((counts[layer] - 1) * stride + kernel);
  const pixels = counts[layers];
  const cell = 600 / Math.max(pixels, 9);
  const [high, gap] = [Math.min(cell, 26), 34];
  const rows = counts.map((count, depth) => {
    const jump = cell * stride ** (layers - depth);
    const left = 300 - (jump * (count - 1) + cell) / 2;
    return Array.from({ length: count }, (_, at) => ({ x: left + jump * at, y: depth * (high + gap) }));
  });
  const lines = rows.slice(0, -1).flatMap((row, depth) =>
    row.flatMap(({ x, y }, at) => {
      const [first, last] = [rows[depth + 1][at * stride], rows[depth + 1][at * stride + kernel - 1]];
      const below = `L${first.x},${first.y} H${last.x + cell}`;
      return svg("path", { d: `M${x},${y + high} ${below} L${x + cell},${y + high} Z` });
    }),
  );
  const cells = rows.flat().map(({ x, y }) => svg("rect", { x, y, width: cell - 1, height: high }));
  const text = phrase("guide.field.layers-one-number-above", { layers, pixels });
  const size = { viewBox: `0 0 600 ${layers * (high + gap) + high}`, width: 600 };
  return svg("svg", { class: "pyramid", role: "img", "aria-label": text, ...size }, lines, cells);
}

/** @type {(context: Context) => HTMLElement} */
export function chapterPointwise(context) {
  const pixel = [[2], [-1], [3]];
  const weights = [
    [1, 0],
    [-1, 2],
    [0.5, 1],
  ];
  const given = { kernel: 3, from: 64, to: 128 };
  const [line, costs] = [sums(), sums()];
  const tables = [
    editTable(pixel, phrase("guide.field.a-pixel"), draw, 4),
    editTable(weights, phrase("guide.field.2-kernels"), draw, 3),
  ];
  /** @type {(name: keyof typeof given, label: string, max: number, step: number) => HTMLElement} */
  const control = (name, label, max, step) =>
    slider({ label, min: step, max, step, value: given[name], onInput: (value) => {
      given[name] = value;
      draw();
    } });

  function draw() {
    line.replaceChildren(
      ...[0, 1].map((at) => {
        const pairs = pixel.map(([value], channel) => [value, weights[channel][at]]);
        return sumLine(
          phrase("guide.field.map", { at, sum: productsText(pairs) }),
          pairs.reduce((sum, [a, b]) => sum + a * b, 0),
        );
      }),
    );
    const { kernel, from, to } = given;
    const area = kernel * kernel;
    const [whole, apart] = [area * from * to, area * from + from * to];
    costs.replaceChildren(
      sumLine(phrase("guide.field.ordinary", { kernel, from, to }), phrase("guide.field.weights", { count: whole })),
      sumLine(
        phrase("guide.field.depthwise-then-1-1", { kernel, from, to }),
        phrase("guide.field.weights", { count: apart }),
      ),
      h("p", {}, phrase("guide.field.that-is-of-them", { value: inBrackets(Math.round((1000 * apart) / whole) / 10) })),
    );
  }

  draw();
  return chapter(
    "guide-pointwise",
    phrase("guide.pointwise.words"),
    phrase("guide.pointwise.try"),
    [
      h("div", { class: "row" }, tables),
      line,
      h(
        "div",
        { class: "controls grid" },
        control("kernel", phrase("guide.field.kernel"), 7, 1),
        control("from", phrase("guide.field.channels-in"), 256, 16),
        control("to", phrase("guide.field.channels-out"), 256, 16),
      ),
      costs,
    ],
    seenIn(context, ["depthwise", "pointwise"]),
  );
}
