// Chapters: the example that can be checked by hand, and what more channels and more kernels add to it.
/** @import { Context } from "./parts.js" */

import { productSum, slide, slideDeep, windowAt } from "./arithmetic.js";
import {
  chapter, chosenAt, follows, inBrackets, markCells, player, productsOf, productsText, readBy, seenIn, sumLine,
  sumText, sums, tableIn, valuesOf, walkTable, written,
} from "./parts.js";
import { darkMode, h, slider } from "../view/elements.js";
import { numberTable } from "../view/numbers.js";

// The example of cnnref.arithmetic.conv2d.
// prettier-ignore
const EXAMPLE = { input: [[0, 1, 2], [3, 4, 5], [6, 7, 8]], kernel: [[0, 1], [2, 3]] };

/** @type {(context: Context) => HTMLElement} */
export function chapterExample(context) {
  const { input, kernel } = EXAMPLE;
  const answer = slide(input, kernel);
  const tables = h("div", { class: "row" });
  const line = sums();
  let reached = 0;

  /** @type {(at: number) => void} */
  function show(at) {
    const [row, column] = [Math.floor(at / 2), at % 2];
    const cells = windowAt(input, [2, 2], [row, column]);
    reached = at === 0 ? 0 : Math.max(reached, at);
    const known = answer.map((one, y) => one.map((sum, x) => (2 * y + x <= reached ? sum : null)));
    /** @type {(row: number, column: number) => string} */
    const place = (y, x) => (known[y][x] === null ? "empty" : chosenAt([row, column])(y, x));
    tables.replaceChildren(
      numberTable({ values: input, name: "input 3 × 3", limit: 16, classOf: readBy(cells) }),
      follows("·", numberTable({ values: kernel, name: "kernel 2 × 2", limit: 6 })),
      follows("=", numberTable({ values: productsOf(cells, kernel), name: "products", limit: 48 })),
      follows("→", numberTable({ values: known, name: "answer 2 × 2", limit: 86, classOf: place })),
    );
    const pairs = valuesOf(cells).flatMap((one, i) => one.map((value, j) => [value, kernel[i][j]]));
    line.replaceChildren(
      sumLine(
        `Place ${at + 1} of 4: ${productsText(pairs)} = ${sumText(pairs.map(([a, b]) => a * b))}`,
        answer[row][column],
      ),
    );
  }

  const steps = player({ count: () => 4, show, seconds: 6, what: "place" });
  show(0);
  darkMode.addEventListener("change", () => show(steps.at));
  return chapter(
    "guide-example",
    [
      "Here is the smallest example worth doing on paper: nine numbers, a kernel of four, and the four places",
      "where it fits. Strictly this is cross-correlation, for the kernel is not turned round first; networks call",
      "it convolution all the same.",
      "Step through the places and check each sum.",
    ],
    [h("div", { class: "controls" }, steps), tables, line],
    seenIn(context, ["conv"]),
  );
}

// prettier-ignore
const DEEP = {
  channels: [
    [[1, 0, 2, 1], [0, 3, 1, 0], [2, 1, 0, 1], [1, 0, 1, 2]],
    [[0, 2, 1, 0], [1, 0, 0, 2], [3, 1, 2, 0], [0, 1, 0, 1]],
    [[2, 1, 0, 0], [1, 1, 3, 0], [0, 2, 1, 1], [1, 0, 0, 2]],
  ],
  kernels: [
    { slices: [[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[2, 0], [0, -1]]], bias: 1 },
    { slices: [[[-1, 1], [-1, 1]], [[1, 1], [0, 0]], [[0, 1], [-2, 0]]], bias: -2 },
  ],
};

/**
 * Three channels, two kernels with a slice for each channel, two maps.
 * @type {(context: Context) => HTMLElement}
 */
export function chapterDepth(context) {
  const { channels, kernels } = DEEP;
  let place = [0, 0];
  const inputs = h("div", { class: "row" });
  const lines = sums();
  const rows = kernels.map((kernel, index) => {
    const bias = slider({
      label: "bias",
      min: -9,
      max: 9,
      value: kernel.bias,
      say: written,
      onInput: (value) => {
        kernel.bias = value;
        drawMap(index);
        mark();
      },
    });
    return { bias, slices: h("div", { class: "row" }), map: h("div") };
  });

  /** @type {(index: number) => void} */
  function drawMap(index) {
    const values = slideDeep(channels, kernels[index].slices, kernels[index].bias);
    rows[index].slices.replaceChildren(
      ...kernels[index].slices.map((slice, channel) =>
        numberTable({ values: slice, name: `slice ${channel}`, limit: 4, write: written }),
      ),
    );
    rows[index].map.replaceChildren(
      walkTable({
        values,
        name: `map ${index}`,
        limit: 16,
        write: written,
        onPick: (row, column) => {
          place = [row, column];
          mark();
        },
      }),
    );
  }

  function mark() {
    const cells = windowAt(channels[0], [2, 2], place);
    inputs.replaceChildren(
      ...channels.map((one, index) =>
        numberTable({ values: one, name: `channel ${index}`, limit: 6, classOf: readBy(cells) }),
      ),
    );
    rows.forEach(({ map }) => markCells(tableIn(map), chosenAt(place)));
    lines.replaceChildren(
      ...kernels.map(({ slices, bias }, index) => {
        const parts = channels.map((channel, at) => productSum(windowAt(channel, [2, 2], place), slices[at]));
        return sumLine(
          `Map ${index}: ${sumText(parts)} + bias ${inBrackets(bias)}`,
          parts.reduce((sum, part) => sum + part, bias),
        );
      }),
    );
  }

  function draw() {
    kernels.forEach((_, index) => drawMap(index));
    mark();
  }

  draw();
  darkMode.addEventListener("change", draw);
  return chapter(
    "guide-depth",
    [
      "With several channels a kernel has a slice for each of them. Every slice slides over its own channel, the",
      "results are added up, and one more number, the bias, is added on top: however many channels go in, one",
      "kernel gives one feature map. Several kernels give several, which are the channels that the next layer sees.",
      "Choose a cell of a map, or move a bias.",
    ],
    [
      inputs,
      rows.map(({ bias, slices, map }, index) =>
        h("div", {}, h("h4", {}, `Kernel ${index}`), h("div", { class: "row" }, slices, bias, follows("→", map))),
      ),
      lines,
    ],
    seenIn(context, ["conv"]),
  );
}
