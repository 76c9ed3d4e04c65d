// Chapter: a small kernel slides over the reader's picture.

import { everywhere, greatest, mean, productSum, slide, windowAt } from "./arithmetic.js";
import {
  chapter, editTable, follows, hoverPicks, inBrackets, player, productsOf, seenIn, sumLine, sumText, sums, swap,
  valuesOf, written,
} from "./parts.js";
import { by, choice, darkMode, h, magnitude, set } from "../view/elements.js";
import { heatMap, numberTable, paint } from "../view/numbers.js";
import { phrase } from "../texts/texts.js";

/**
 * Known kernels: whole numbers, all divided by one number. Those of cnnref.arithmetic.kernels.
 * @type {Record<string, { text: string, rows: number[][], divisor: number }>}
 */
// prettier-ignore
export const KERNELS = {
  identity: { text: phrase("guide.kernels.identity"), rows: [[0, 0, 0], [0, 1, 0], [0, 0, 0]], divisor: 1 },
  sobel_x: {
    text: phrase("guide.kernels.edges-brighter-to-the"),
    rows: [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    divisor: 1,
  },
  sobel_y: {
    text: phrase("guide.kernels.edges-brighter-downwards-sobel"),
    rows: [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    divisor: 1,
  },
  laplacian: {
    text: phrase("guide.kernels.edges-all-round-laplacian"),
    rows: [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    divisor: 1,
  },
  box_blur: { text: phrase("guide.kernels.blur-box"), rows: [[1, 1, 1], [1, 1, 1], [1, 1, 1]], divisor: 9 },
  gaussian_blur: { text: phrase("guide.kernels.blur-gaussian"), rows: [[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor: 16 },
  sharpen: { text: phrase("guide.kernels.sharpen"), rows: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], divisor: 1 },
};

const LARGEST = 64; // rows or columns that the chapter works on

/**
 * The picture as rows of gray values, at most 64 x 64: { rows, block }, a value the mean of block x block pixels.
 * @type {(picture: import("./parts.js").GuidePicture) => { rows: number[][], block: number }}
 */
export function grayRows({ values, rows, columns, channels }) {
  /** @type {(row: number, column: number) => number} */
  const gray = (row, column) => {
    const at = (row * columns + column) * channels;
    return channels === 1 ? values[at] : 0.299 * values[at] + 0.587 * values[at + 1] + 0.114 * values[at + 2];
  };
  const block = Math.ceil(Math.max(rows, columns) / LARGEST);
  const size = [Math.max(3, Math.floor(rows / block)), Math.max(3, Math.floor(columns / block))];
  /** @type {(at: number, count: number) => number} */
  const near = (at, count) => Math.min(at, count - 1);
  /** @type {(row: number, column: number) => number} */
  const value = (i, j) => gray(near(i, rows), near(j, columns));
  /** @type {(row: number, column: number) => number} */
  const meanOf = (row, column) =>
    mean(everywhere([block, block], (i, j) => value(row * block + i, column * block + j)).flat());
  return { rows: everywhere(size, (row, column) => Math.round(meanOf(row, column))), block };
}

/** @type {(context: import("./parts.js").Context) => HTMLElement} */
export function chapterKernel(context) {
  const kernel = KERNELS.sobel_x.rows.map((line) => [...line]);
  let divisor = 1;
  /** @type {number[][]} */
  let input;
  /** @type {number[][]} */
  let result;
  /** @type {import("../view/numbers.js").HeatMap} */
  let inputMap;
  /** @type {import("../view/numbers.js").HeatMap | null} */
  let resultMap = null;
  const table = editTable(kernel, phrase("guide.kernels.kernel-type-over-it"), () => {
    list.input.value = "own";
    work();
  });
  const under = h("input", { type: "number", value: 1, step: "any" });
  under.oninput = () => {
    divisor = Number(under.value) || 1; // nothing is divided by 0
    list.input.value = "own";
    work();
  };
  under.onchange = () => (under.value = String(divisor));
  const list = choice({
    label: phrase("guide.kernels.kernel"),
    value: "sobel_x",
    onChange: choose,
    options: [
      ...Object.entries(KERNELS).map(([key, { text }]) => [key, text]),
      ["own", phrase("guide.kernels.your-own")],
    ],
  });
  const steps = player({
    count: () => result.length * result[0].length,
    show: mark,
    seconds: 10,
    what: "window",
  });
  const maps = h("div", { class: "row maps" });
  const window = h("div");
  const products = h("div");
  const line = sums();
  const note = h("p", { class: "note" });

  /** @type {(key: string) => void} */
  function choose(key) {
    if (!KERNELS[key]) return;
    KERNELS[key].rows.forEach((one, i) => one.forEach((value, j) => (kernel[i][j] = value)));
    divisor = KERNELS[key].divisor;
    under.value = String(divisor);
    table.show();
    work();
  }

  /** The answer anew, as the kernel has changed. */
  function work() {
    result = slide(input, kernel).map((one) => one.map((sum) => sum / divisor));
    const next = hoverPicks(
      heatMap({
        values: result.flat(),
        rows: result.length,
        columns: result[0].length,
        name: phrase("guide.kernels.the-answer-a-feature"),
        onPick: (row, column) => pick(row, column),
      }),
    );
    resultMap = resultMap ? swap(resultMap, next) : next;
    mark(steps.at);
  }

  /**
   * The window at one place: its frame in the picture, its nine products, and their sum.
   * @type {(at: number) => void}
   */
  function mark(at) {
    const columns = result[0].length;
    const [row, column] = [Math.floor(at / columns), at % columns];
    inputMap.choose(row, column);
    inputMap.at = [row + 1, column + 1]; // the arrow keys move the window by its middle
    resultMap?.choose(row, column);
    const values = result.flat();
    const made = steps.playing() ? values.map((value, index) => (index <= at ? value : 0)) : values;
    const canvas = resultMap?.querySelector("canvas");
    if (canvas) paint(canvas, made, result.length, columns, { limit: magnitude(values) });
    const cells = windowAt(input, [3, 3], [row, column]);
    const times = productsOf(cells, kernel);
    window.replaceChildren(numberTable(
      { values: valuesOf(cells), name: phrase("guide.kernels.under-the-window"), pixels: true },
    ));
    products.replaceChildren(numberTable(
      { values: times, name: phrase("guide.kernels.products-cell-by-cell"), write: written },
    ));
    const total = productSum(cells, kernel);
    line.replaceChildren(
      sumLine(phrase("guide.kernels.row-column", { row, column, sum: sumText(times.flat()) }), total),
      divisor === 1 ? "" : sumLine(`${inBrackets(total)} / ${inBrackets(divisor)}`, total / divisor),
    );
  }

  /** @type {(row: number, column: number) => void} */
  function pick(row, column) {
    if (steps.playing()) steps.stop();
    /** @type {(at: number, count: number) => number} */
    const inside = (at, count) => Math.max(0, Math.min(count - 1, at));
    steps.go(inside(row, result.length) * result[0].length + inside(column, result[0].length));
  }

  function showPicture() {
    const { rows, block } = grayRows(context.picture);
    input = rows;
    inputMap = hoverPicks(
      heatMap({
        values: input.flat(),
        rows: input.length,
        columns: input[0].length,
        pixels: true,
        limit: 255,
        name: phrase("guide.kernels.your-picture-and-the"),
        onPick: (row, column) => pick(row - 1, column - 1),
      }),
    );
    set(inputMap, { style: { "--cells": 3 } });
    const answers = slide(input, kernel).flat().map(Math.abs);
    steps.at = answers.indexOf(greatest(answers)); // where there is most to see
    resultMap = null;
    work();
    if (resultMap) maps.replaceChildren(inputMap, resultMap);
    note.textContent = [
      context.picture.channels === 3 ? phrase("guide.kernels.gray-here-0-299") : "",
      block > 1
        ? phrase("guide.kernels.shrunk-to-each-number", { size: by([input.length, input[0].length]), block })
        : "",
      phrase("guide.kernels.orange-is-above-zero"),
    ]
      .join(" ")
      .trim();
  }

  showPicture();
  context.onPicture(showPicture);
  darkMode.addEventListener("change", work);
  return chapter(
    "guide-kernel",
    phrase("guide.kernel.words"),
    phrase("guide.kernel.try"),
    [
      h(
        "div",
        { class: "controls" },
        list,
        h("label", { class: "choice" }, phrase("guide.kernels.divided-by"), under),
        steps,
      ),
      maps,
      note,
      h("div", { class: "row" }, window, follows("·", table), follows("=", products)),
      line,
    ],
    seenIn(context, ["conv"]),
  );
}
