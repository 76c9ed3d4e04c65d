// Chapters: pooling, one number for each window; and flattening, a place for every cell in one long row.
/** @import { Context } from "./parts.js" */

import { entryInFile, entryInKeras, everywhere, greatest, mean, pool, windowAt } from "./arithmetic.js";
import {
  chapter, chosenAt, editTable, follows, markCells, named, readBy, seenIn, sumLine, sumText, sums, tableIn, valuesOf,
  walkTable, written,
} from "./parts.js";
import { by, choice, darkMode, h, slider } from "../view/elements.js";

/** @type {(context: Context) => HTMLElement} */
export function chapterPooling(context) {
  // The example of cnnref.arithmetic.max_pool2d.
  // prettier-ignore
  const values = [[1, 2, 5, 6], [3, 4, 7, 8], [0, 0, 1, 0], [0, 9, 0, 0]];
  const given = { kind: "max", size: 2, stride: 2 };
  let place = [0, 0];
  /** @type {number[][]} */
  let answer;
  const input = editTable(values, "input: type over it", draw, 18);
  const answers = h("div");
  const line = sums();
  const controls = [
    choice({
      label: "Pooling",
      value: "max",
      options: [
        ["max", "the greatest"],
        ["average", "the mean"],
      ],
      onChange: (kind) => change({ kind }),
    }),
    slider({ label: "window", min: 1, max: 4, value: 2, onInput: (size) => change({ size }) }),
    slider({ label: "stride", min: 1, max: 4, value: 2, onInput: (stride) => change({ stride }) }),
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
        name: `answer ${by([answer.length, answer.length])}`,
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
    [
      "Pooling has a window and a stride, but nothing to learn. Max pooling keeps the greatest number under the",
      "window: whether something was found near here, no longer where exactly. Average pooling keeps the mean;",
      "over a whole map it leaves one number a map. Every channel is pooled by itself, so their number stays.",
      "Type other numbers, change the window, or choose a cell of the answer.",
    ],
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
      name: `channel ${channel}`,
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
      h("p", {}, `Channel ${channel}, row ${row}, column ${column} is ${LETTERS[entryInFile(cell, MAPS)]}.`),
      sumLine(
        `In the ONNX file: (${channel}·${rows} + ${row})·${columns} + ${column}`,
        `entry ${entryInFile(cell, MAPS)}`,
      ),
      sumLine(
        `In Keras: (${row}·${columns} + ${column})·${channels} + ${channel}`,
        `entry ${entryInKeras(cell, MAPS)}`,
      ),
    );
  }

  show(1, 1, 2);
  return chapter(
    "guide-flatten",
    [
      "A dense layer takes one long row of numbers, so the maps are cut into lines and laid end to end. Nothing",
      "is computed; each cell only gets a number. The order is a matter of agreement: the ONNX file counts",
      "channel, row, column, and Keras counts row, column, channel. Weights fit only the order that they were",
      "trained with.",
      "Point at a cell, or walk to it with the arrow keys.",
    ],
    [
      h("div", { class: "row letters" }, tables),
      line,
      named("ONNX file: channel, row, column", orders[0].list),
      named("Keras: row, column, channel", orders[1].list),
    ],
    seenIn(context, ["flatten"]),
  );
}
