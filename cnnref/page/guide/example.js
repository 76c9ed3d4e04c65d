// Chapters: the example that can be checked by hand, and what more channels and more kernels add to it.
/** @import { Context } from "./parts.js" */

import { productSum, slide, slideDeep, windowAt } from "./arithmetic.js";
import {
  chapter, chosenAt, follows, inBrackets, markCells, player, productsOf, productsText, readBy, seenIn, sumLine,
  sumText, sums, tableIn, valuesOf, walkTable, written,
} from "./parts.js";
import { darkMode, h, slider } from "../view/elements.js";
import { numberTable } from "../view/numbers.js";
import { phrase } from "../texts/texts.js";

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
      numberTable({ values: input, name: phrase("guide.example.input-3-3"), limit: 16, classOf: readBy(cells) }),
      follows("·", numberTable({ values: kernel, name: phrase("guide.example.kernel-2-2"), limit: 6 })),
      follows(
        "=",
        numberTable({ values: productsOf(cells, kernel), name: phrase("guide.example.products"), limit: 48 }),
      ),
      follows("→", numberTable({ values: known, name: phrase("guide.example.answer-2-2"), limit: 86, classOf: place })),
    );
    const pairs = valuesOf(cells).flatMap((one, i) => one.map((value, j) => [value, kernel[i][j]]));
    line.replaceChildren(
      sumLine(
        phrase(
          "guide.example.place-of-4",
          { at: at + 1, sum: productsText(pairs), sum2: sumText(pairs.map(([a, b]) => a * b)) },
        ),
        answer[row][column],
      ),
    );
  }

  const steps = player({ count: () => 4, show, seconds: 6, what: "place" });
  show(0);
  darkMode.addEventListener("change", () => show(steps.at));
  return chapter(
    "guide-example",
    phrase("guide.example.words"),
    phrase("guide.example.try"),
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
      label: phrase("guide.example.bias"),
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
        numberTable({ values: slice, name: phrase("guide.example.slice", { channel }), limit: 4, write: written }),
      ),
    );
    rows[index].map.replaceChildren(
      walkTable({
        values,
        name: phrase("guide.example.map", { index }),
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
        numberTable({
          values: one,
          name: phrase("guide.example.channel", { index }),
          limit: 6,
          classOf: readBy(cells),
        }),
      ),
    );
    rows.forEach(({ map }) => markCells(tableIn(map), chosenAt(place)));
    lines.replaceChildren(
      ...kernels.map(({ slices, bias }, index) => {
        const parts = channels.map((channel, at) => productSum(windowAt(channel, [2, 2], place), slices[at]));
        return sumLine(
          phrase("guide.example.map-bias", { index, sum: sumText(parts), bias: inBrackets(bias) }),
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
    phrase("guide.depth.words"),
    phrase("guide.depth.try"),
    [
      inputs,
      rows.map(({ bias, slices, map }, index) =>
        h(
          "div",
          {},
          h("h4", {}, phrase("guide.example.kernel", { index })),
          h("div", { class: "row" }, slices, bias, follows("→", map)),
        ),
      ),
      lines,
    ],
    seenIn(context, ["conv"]),
  );
}
