// Chapters: how the window moves. Stride, padding, dilation; one board for the three of them.
/**
 * @import { Sliding } from "./arithmetic.js"
 * @import { Context } from "./parts.js"
 * @typedef {HTMLDivElement & { draw: (next: Sliding) => void }} Board
 */

import { everywhere, slide, windowAt } from "./arithmetic.js";
import {
  chapter, chosenAt, follows, markCells, readBy, seenIn, sumLine, sumText, sums, tableIn, valuesOf, walkTable,
} from "./parts.js";
import { by, darkMode, h, slider } from "../view/elements.js";
import { numberTable } from "../view/numbers.js";
import { phrase } from "../texts/texts.js";

const DIGITS = ["3141592", "6535897", "9323846", "2643383", "2795028", "8419716", "9399375"].map((line) =>
  Array.from(line, Number),
);
const ONES = everywhere([3, 3], () => 1);

/**
 * An input, a window of 3 x 3 ones over it, and the answer, whose cells can be chosen; element.draw({ stride, padding,
 * dilation }) shows it. Padding is hatched, the cells that are read are outlined, `dots` marks where windows begin.
 * @type {(input: number[][], options?: { dots?: boolean }) => Board}
 */
function slidingBoard(input, { dots = false } = {}) {
  const inputs = h("div", { class: "scroll" });
  const answers = h("div", { class: "scroll" });
  const line = sums();
  /** @type {Required<Sliding>} */
  let options = { stride: [1, 1], padding: [0, 0, 0, 0], dilation: 1 };
  /** @type {number[][]} */
  let answer;
  /** @type {HTMLTableElement} */
  let table;
  let place = [0, 0];

  /** @type {(next: Sliding) => void} */
  function draw(next) {
    options = { stride: [1, 1], padding: [0, 0, 0, 0], dilation: 1, ...next };
    const [top, bottom, left, right] = options.padding;
    const size = [input.length + top + bottom, input[0].length + left + right];
    answer = slide(input, ONES, options);
    const padded = everywhere(size, (row, column) => input[row - top]?.[column - left] ?? 0);
    const plain = phrase("guide.sliding.input", { size: by([input.length, input[0].length]) });
    const name = Math.max(...options.padding) ? phrase("guide.sliding.padded", { plain, size: by(size) }) : plain;
    inputs.replaceChildren(numberTable({ values: padded, name, limit: 20 }));
    table = walkTable({
      values: answer,
      name: phrase("guide.sliding.answer", { size: by([answer.length, answer[0].length]) }),
      limit: 160,
      onPick: (row, column) => {
        place = [row, column];
        mark();
      },
    });
    answers.replaceChildren(table);
    place = [Math.min(place[0], answer.length - 1), Math.min(place[1], answer[0].length - 1)];
    mark();
  }

  function mark() {
    const [top, , left] = options.padding;
    const cells = windowAt(input, [3, 3], place, options);
    markCells(tableIn(inputs), (row, column) => {
      const [y, x] = [row - top, column - left];
      const starts = [row / options.stride[0], column / options.stride[1]];
      return [
        input[y]?.[x] === undefined && "padding",
        readBy(cells)(y, x),
        dots && answer[starts[0]]?.[starts[1]] !== undefined && "begins",
      ]
        .filter(Boolean)
        .join(" ");
    });
    markCells(table, chosenAt(place));
    line.replaceChildren(sumLine(sumText(valuesOf(cells).flat()), answer[place[0]][place[1]]));
  }
  darkMode.addEventListener("change", () => draw(options));
  return Object.assign(h("div", {}, h("div", { class: "row" }, inputs, follows("→", answers)), line), { draw });
}

/** @type {(context: Context) => HTMLElement} */
export function chapterStride(context) {
  const board = slidingBoard(DIGITS, { dots: true });
  const stride = [2, 2];
  const sliders = [phrase("guide.sliding.down"), phrase("guide.sliding.across")].map((way, axis) =>
    slider({
      label: way,
      min: 1,
      max: 4,
      value: stride[axis],
      onInput: (value) => {
        stride[axis] = value;
        board.draw({ stride });
      },
    }),
  );
  board.draw({ stride });
  return chapter(
    "guide-stride",
    phrase("guide.stride.words"),
    phrase("guide.stride.try"),
    [h("div", { class: "controls" }, sliders), board],
    seenIn(context, ["conv", "maxpool", "averagepool"]),
  );
}

/** @type {(context: Context) => HTMLElement} */
export function chapterPadding(context) {
  const board = slidingBoard(DIGITS.slice(0, 4).map((line) => line.slice(0, 4)));
  const padding = [1, 1, 1, 1];
  const sizes = sums();
  const sliders = [
    phrase("guide.sliding.top"),
    phrase("guide.sliding.bottom"),
    phrase("guide.sliding.left"),
    phrase("guide.sliding.right"),
  ].map((side, index) =>
    slider({
      label: side,
      min: 0,
      max: 2,
      value: padding[index],
      onInput: (value) => {
        padding[index] = value;
        draw();
      },
    }),
  );
  function draw() {
    const [top, bottom, left, right] = padding;
    board.draw({ padding });
    sizes.replaceChildren(
      sumLine(phrase("guide.sliding.rows-4-3-1", { top, bottom }), 4 + top + bottom - 2),
      sumLine(phrase("guide.sliding.columns-4-3-1", { left, right }), 4 + left + right - 2),
    );
  }
  draw();
  return chapter(
    "guide-padding",
    phrase("guide.padding.words"),
    phrase("guide.padding.try"),
    [h("div", { class: "controls" }, sliders), sizes, board],
    seenIn(context, ["conv"]),
  );
}

/** @type {(context: Context) => HTMLElement} */
export function chapterDilation(context) {
  const board = slidingBoard(DIGITS);
  const line = sums();
  const dilate = slider({ label: phrase("guide.sliding.dilation"), min: 1, max: 3, value: 2, onInput: draw });
  /** @type {(dilation: number) => void} */
  function draw(dilation) {
    board.draw({ dilation });
    line.replaceChildren(sumLine(phrase("guide.sliding.reach-3-1-1", { dilation }), dilation * 2 + 1));
  }
  draw(2);
  return chapter(
    "guide-dilation",
    phrase("guide.dilation.words"),
    phrase("guide.dilation.try"),
    [h("div", { class: "controls" }, dilate), line, board],
    seenIn(context, ["conv"]),
  );
}
