// Chapters: pooling, one number for each window; and flattening, a place for every cell in one long row.
/** @import { Context } from "./parts.js" */

import { entryInFile, entryInKeras, everywhere, greatest, mean, pool, windowAt } from "./arithmetic.js";
import {
  chapter, chosenAt, editTable, follows, markCells, named, readBy, seenIn, sumLine, sumText, sums, tableIn, valuesOf,
  walkTable, written,
} from "./parts.js";
import { by, choice, darkMode, h, slider } from "../view/elements.js";
import { phrase } from "../texts/texts.js";

/** @type {(context: Context) => HTMLElement} */
export function chapterPooling(context) {
  // The example of cnnref.arithmetic.max_pool2d.
  // prettier-ignore
  const values = [[1, 2, 5, 6], [3, 4, 7, 8], [0, 0, 1, 0], [0, 9, 0, 0]];
  const given = { kind: "max", size: 2, stride: 2 };
  let place = [0, 0];
  /** @type {number[][]} */
  let answer;
  const input = editTable(values, phrase("guide.pooling.input-type-over-it"), draw, 18);
  const answers = h("div");
  const line = sums();
  const controls = [
    choice({
      label: phrase("guide.pooling.pooling"),
      value: "max",
      options: [
        ["max", phrase("guide.pooling.the-greatest")],
        ["average", phrase("guide.pooling.the-mean")],
      ],
      onChange: (kind) => change({ kind }),
    }),
    slider({ label: phrase("guide.pooling.window"), min: 1, max: 4, value: 2, onInput: (size) => change({ size }) }),
    slider({
      label: phrase("guide.pooling.stride"),
      min: 1,
      max: 4,
      value: 2,
      onInput: (stride) => change({ stride }),
    }),
  ];

  /** @type {(part: Partial<typeof given>) => void} */
  function change(part) {
    Object.assign(given, part);
    draw();
  }

  function draw() {
    answer = pool(
      values,
      [given.size, given.size],
      [given.stride, given.stride],
      given.kind === "max" ? greatest : mean,
    );
    place = place.map((at) => Math.min(at, answer.length - 1));
    /** @type {(row: number, column: number) => void} */
    const onPick = (row, column) => {
      place = [row, column];
      mark();
    };
    answers.replaceChildren(
      walkTable({
        values: answer,
        name: phrase("guide.pooling.answer", { size: by([answer.length, answer.length]) }),
        limit: 18,
        write: written,
        onPick,
      }),
    );
    mark();
  }

  function mark() {
    const cells = windowAt(values, [given.size, given.size], place, { stride: [given.stride, given.stride] });
    markCells(input, readBy(cells));
    markCells(tableIn(answers), chosenAt(place));
    const read = valuesOf(cells).flat();
    const way = given.kind === "max" ? `max(${read.map(written).join(", ")})` : `(${sumText(read)}) / ${read.length}`;
    line.replaceChildren(sumLine(way, answer[place[0]][place[1]]));
  }

  draw();
  darkMode.addEventListener("change", draw);
  return chapter(
    "guide-pooling",
    phrase("guide.pooling.words"),
    phrase("guide.pooling.try"),
    [h("div", { class: "controls" }, controls), h("div", { class: "row" }, input, follows("→", answers)), line],
    seenIn(context, ["maxpool", "averagepool", "globalpool"]),
  );
}

const MAPS = [2, 3, 4]; // channels, rows, columns
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWX";

/** @type {(context: Context) => HTMLElement} */
export function chapterFlatten(context) {
  const [channels, rows, columns] = MAPS;
  const line = sums();
  const list = () =>
    h(
      "ol",
      { class: "entries" },
      Array.from(LETTERS, () => h("li")),
    );
  const orders = [
    { list: list(), entry: entryInFile },
    { list: list(), entry: entryInKeras },
  ];
  const tables = Array.from({ length: channels }, (_, channel) =>
    walkTable({
      values: everywhere([rows, columns], (row, column) => entryInFile([channel, row, column], MAPS)),
      name: phrase("guide.pooling.channel", { channel }),
      limit: 1e9,
      write: (index) => LETTERS[index],
      onPick: (row, column) => show(channel, row, column),
    }),
  );
  for (const { list: entries, entry } of orders) {
    tables.forEach((_, channel) =>
      everywhere([rows, columns], (row, column) => {
        const at = entry([channel, row, column], MAPS);
        entries.children[at].append(
          h("span", { class: "note" }, at),
          LETTERS[entryInFile([channel, row, column], MAPS)],
        );
      }),
    );
  }

  /** @type {(channel: number, row: number, column: number) => void} */
  function show(channel, row, column) {
    const cell = [channel, row, column];
    tables.forEach((table, index) => markCells(table, index === channel ? chosenAt([row, column]) : () => ""));
    orders.forEach(({ list: entries, entry }) =>
      [...entries.children].forEach((one, at) => (one.className = at === entry(cell, MAPS) ? "chosen" : "")),
    );
    line.replaceChildren(
      h(
        "p",
        {},
        phrase(
          "guide.pooling.channel-row-column-is",
          { channel, row, column, letter: LETTERS[entryInFile(cell, MAPS)] },
        ),
      ),
      sumLine(
        phrase("guide.pooling.in-the-onnx-file", { channel, rows, row, columns, column }),
        phrase("guide.pooling.entry", { cell: entryInFile(cell, MAPS) }),
      ),
      sumLine(
        phrase("guide.pooling.in-keras", { row, columns, column, channels, channel }),
        phrase("guide.pooling.entry", { cell: entryInKeras(cell, MAPS) }),
      ),
    );
  }

  show(1, 1, 2);
  return chapter(
    "guide-flatten",
    phrase("guide.flatten.words"),
    phrase("guide.flatten.try"),
    [
      h("div", { class: "row letters" }, tables),
      line,
      named(phrase("guide.pooling.onnx-file-channel-row"), orders[0].list),
      named(phrase("guide.pooling.keras-row-column-channel"), orders[1].list),
    ],
    seenIn(context, ["flatten"]),
  );
}
