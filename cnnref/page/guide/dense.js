// Chapter: a dense layer, every output a weighted sum of all inputs.

import { denseOutputs } from "./arithmetic.js";
import { chapter, editTable, inBrackets, productsText, seenIn, sumLine, sums, written } from "./parts.js";
import { darkMode, h, magnitude, svg } from "../view/elements.js";
import { saveButtons } from "../view/save.js";
import { listed, phrase } from "../texts/texts.js";

/** @type {(context: import("./parts.js").Context) => HTMLElement} */
export function chapterDense(context) {
  const inputs = [[2], [-1], [3]];
  const weights = [
    [1, -2],
    [0.5, 1],
    [-1, 2],
  ];
  const biases = [[1, 0]];
  const lines = sums();
  const drawing = h("div");
  const tables = [
    editTable(inputs, phrase("guide.dense.inputs"), draw, 6),
    editTable(weights, phrase("guide.dense.weights"), draw, 4),
    editTable(biases, phrase("guide.dense.biases"), draw, 4),
  ];

  function draw() {
    const row = inputs.flat();
    const outputs = denseOutputs(row, weights, biases[0]);
    lines.replaceChildren(
      ...outputs.map((output, at) => {
        const products = productsText(row.map((input, index) => [input, weights[index][at]]));
        return sumLine(phrase("guide.dense.output", { at, products, biases: inBrackets(biases[0][at]) }), output);
      }),
    );
    drawing.replaceChildren(denseDrawing(row, weights, outputs));
  }

  draw();
  darkMode.addEventListener("change", draw);
  return chapter(
    "guide-dense",
    phrase("guide.dense.words"),
    phrase("guide.dense.try"),
    [
      h("div", { class: "row" }, tables.slice(0, 1), h("div", { class: "stack" }, tables.slice(1)), drawing),
      saveButtons(phrase("guide.dense.dense-layer"), () => drawing),
      lines,
    ],
    seenIn(context, ["dense"]),
  );
}

/**
 * Inputs left, outputs right, a line for each weight: the thicker the larger, dashed below zero.
 * @type {(inputs: number[], weights: number[][], outputs: number[]) => SVGElement}
 */
function denseDrawing(inputs, weights, outputs) {
  /** @type {(index: number) => number[]} */
  const left = (index) => [30, 30 + 60 * index];
  /** @type {(index: number) => number[]} */
  const right = (index) => [230, 60 + 60 * index];
  const most = Math.max(1, magnitude(weights.flat()));
  const lines = weights.flatMap((row, input) =>
    row.map((weight, output) => {
      const [[x1, y1], [x2, y2]] = [left(input), right(output)];
      return svg("line", {
        x1,
        y1,
        x2,
        y2,
        class: weight < 0 ? "below" : "above",
        "stroke-width": weight ? 1 + (5 * Math.abs(weight)) / most : 0,
      });
    }),
  );
  /** @type {(place: number[], value: number) => Element} */
  const node = ([x, y], value) =>
    svg("g", {}, svg("circle", { cx: x, cy: y, r: 24 }), svg("text", { x, y: y + 5 }, written(value)));
  return svg(
    "svg",
    {
      class: "wires",
      viewBox: "0 0 260 180",
      width: 260,
      role: "img",
      "aria-label": phrase("guide.dense.drawing", { outputs: listed(outputs.map(written)) }),
    },
    lines,
    inputs.map((value, index) => node(left(index), value)),
    outputs.map((value, index) => node(right(index), value)),
  );
}
