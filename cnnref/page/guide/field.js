// Chapters: what a number sees of the picture; kernels of one pixel, and kernels of one channel.
/** @import { Context } from "./parts.js" */

import { fieldsAfter } from "./arithmetic.js";
import { chapter, editTable, inBrackets, productsText, seenIn, sumLine, sums } from "./parts.js";
import { h, slider, svg, thousands } from "../view/elements.js";
import { saveButtons } from "../view/save.js";

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
        const text = `Layer ${index + 1}: ${size} + (${kernel} − 1)·${jump}`;
        ({ size, jump } = one);
        return sumLine(text, size === 1 ? "1 pixel" : `${size} pixels`);
      }),
    );
    drawing.replaceChildren(pyramid(given.layers, kernel, stride));
  }

  draw();
  return chapter(
    "guide-field",
    [
      "The receptive field of a number is the part of the picture that it was computed from. A 3 × 3 convolution",
      "sees 3 pixels on each axis; the next one sees 3 numbers that each see 3, side by side, and so 5. A stride",
      "sets the numbers further apart in the picture, and from there on each layer adds more.",
      "Add layers, then give them a stride.",
    ],
    [
      h(
        "div",
        { class: "controls" },
        control("layers", "layers", 1, 4),
        control("kernel", "kernel", 1, 5),
        control("stride", "stride", 1, 2),
      ),
      drawing,
      saveButtons("receptive field", () => drawing),
      line,
      h("p", { class: "note" }, "One axis. A frame in the picture above shows the field of the chosen value."),
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
  const text = `${layers} layers, one number above, ${pixels} pixels below`;
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
  const tables = [editTable(pixel, "a pixel", draw, 4), editTable(weights, "2 kernels", draw, 3)];
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
        return sumLine(`Map ${at}: ${productsText(pairs)}`, pairs.reduce((sum, [a, b]) => sum + a * b, 0));
      }),
    );
    const { kernel, from, to } = given;
    const area = kernel * kernel;
    const [whole, apart] = [area * from * to, area * from + from * to];
    costs.replaceChildren(
      sumLine(`Ordinary: ${kernel}·${kernel}·${from}·${to}`, `${thousands(whole)} weights`),
      sumLine(`Depthwise, then 1 × 1: ${kernel}·${kernel}·${from} + ${from}·${to}`, `${thousands(apart)} weights`),
      h("p", {}, `That is ${inBrackets(Math.round((1000 * apart) / whole) / 10)} % of them.`),
    );
  }

  draw();
  return chapter(
    "guide-pointwise",
    [
      "A 1 × 1 convolution looks at one pixel and takes a dot product over its channels: it mixes channels and sees",
      "no neighbours. A depthwise convolution does the opposite: each channel has a kernel of its own, and none is",
      "mixed. One after the other they do the work of an ordinary convolution with far fewer weights.",
      "Type over the numbers, then compare the costs.",
    ],
    [
      h("div", { class: "row" }, tables),
      line,
      h(
        "div",
        { class: "controls grid" },
        control("kernel", "kernel", 7, 1),
        control("from", "channels in", 256, 16),
        control("to", "channels out", 256, 16),
      ),
      costs,
    ],
    seenIn(context, ["depthwise", "pointwise"]),
  );
}
