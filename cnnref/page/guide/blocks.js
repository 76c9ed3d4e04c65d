// Chapters: what modern networks are built from: global pooling, batch normalization, skip connections, dropout.
/** @import { Context } from "./parts.js" */

import { everywhere, greatest, mean, normalized } from "./arithmetic.js";
import { chapter, editTable, follows, inBrackets, seenIn, sumLine, sums, sumText, written } from "./parts.js";
import { button, choice, darkMode, h, slider } from "../view/elements.js";
import { numberTable } from "../view/numbers.js";
import { phrase } from "../texts/texts.js";

/** @type {(context: Context) => HTMLElement} */
export function chapterGlobal(context) {
  // prettier-ignore
  const maps = [[[0, 1, 0], [2, 6, 1], [0, 2, 0]], [[3, 3, 0], [3, 0, 0], [0, 0, 0]]];
  let kind = "average";
  const line = sums();
  const tables = maps.map((map, index) => editTable(map, phrase("guide.blocks.map-type-over-it", { index }), draw, 6));
  const list = choice({
    label: phrase("guide.blocks.pooling"),
    value: kind,
    options: [
      ["average", phrase("guide.blocks.the-mean")],
      ["max", phrase("guide.blocks.the-greatest")],
    ],
    onChange: (next) => {
      kind = next;
      draw();
    },
  });
  /** Each map a cell further to the right, and round. */
  const move = button(phrase("guide.blocks.move-the-maps-by"), () => {
    for (const row of maps.flat()) row.unshift(row.pop() ?? 0);
    tables.forEach((table) => table.show());
    draw();
  });

  function draw() {
    line.replaceChildren(
      ...maps.map((map, index) => {
        const cells = map.flat();
        const way = kind === "max" ? `max(${cells.map(written).join(", ")})` : `(${sumText(cells)}) / ${cells.length}`;
        return sumLine(phrase("guide.blocks.map", { index, way }), kind === "max" ? greatest(cells) : mean(cells));
      }),
    );
  }

  draw();
  return chapter(
    "guide-global",
    phrase("guide.global.words"),
    phrase("guide.global.try"),
    [h("div", { class: "controls" }, list, move), h("div", { class: "row" }, tables), line],
    seenIn(context, ["globalpool"]),
  );
}

/** @type {(context: Context) => HTMLElement} */
export function chapterNormalization(context) {
  const values = [[4, 8, 6, 2]];
  const given = { scale: 1, offset: 0 };
  const line = sums();
  const table = editTable(values, phrase("guide.blocks.a-channel-in-4"), draw, 10);
  /** @type {(name: keyof typeof given, label: string) => HTMLElement} */
  const control = (name, label) =>
    slider({
      label,
      min: -3,
      max: 3,
      step: 0.5,
      value: given[name],
      say: written,
      onInput: (value) => {
      given[name] = value;
      draw();
    },
    });

  function draw() {
    const [row] = values;
    const { scale, offset } = given;
    const found = normalized(row, scale, offset, 0.001);
    const spread = Math.sqrt(found.variance + 0.001);
    line.replaceChildren(
      sumLine(phrase("guide.blocks.mean", { sum: sumText(row) }), found.mean),
      sumLine(
        phrase("guide.blocks.variance", { value: row.map((one) => `${inBrackets(one - found.mean)}²`).join(" + ") }),
        found.variance,
      ),
      sumLine(phrase("guide.blocks.standard-deviation", { variance: written(found.variance) }), spread),
      ...row.map((one, index) =>
        sumLine(
          [
            `${inBrackets(scale)}·(${written(one)} − ${inBrackets(found.mean)})`,
            ` / ${written(spread)} + ${inBrackets(offset)}`,
          ].join(""),
          found.values[index],
        ),
      ),
    );
  }

  draw();
  return chapter(
    "guide-batchnorm",
    phrase("guide.batchnorm.words"),
    phrase("guide.batchnorm.try"),
    [
      table,
      h(
        "div",
        { class: "controls" },
        control("scale", phrase("guide.blocks.scale")),
        control("offset", phrase("guide.blocks.offset")),
      ),
      line,
    ],
    seenIn(context, ["batchnorm"]),
  );
}

/** @type {(context: Context) => HTMLElement} */
export function chapterSkip(context) {
  // prettier-ignore
  const [before, made] = [[[3, 1], [0, 2]], [[-1, 2], [1, 0]]];
  const given = { layers: 20, slope: 0.1 };
  const joined = h("div");
  const line = sums();
  const tables = [editTable(before, "x", draw, 6), editTable(made, "F(x)", draw, 6)];
  const controls = [
    slider({ label: phrase("guide.blocks.blocks"), min: 1, max: 50, value: 20, onInput: (layers) => {
      given.layers = layers;
      draw();
    } }),
    slider({
      label: phrase("guide.blocks.slope-of-f"),
      min: 0,
      max: 1,
      step: 0.05,
      value: 0.1,
      onInput: (slope) => {
      given.slope = slope;
      draw();
    },
    }),
  ];

  function draw() {
    const sum = everywhere([2, 2], (row, column) => before[row][column] + made[row][column]);
    joined.replaceChildren(numberTable({ values: sum, name: "x + F(x)", limit: 6, write: written }));
    const { layers, slope } = given;
    line.replaceChildren(
      sumLine(phrase("guide.blocks.slope-through-blocks-without", { layers, slope }), slope ** layers),
      sumLine(phrase("guide.blocks.with-skips-1", { slope, layers }), (1 + slope) ** layers),
    );
  }

  draw();
  darkMode.addEventListener("change", () => draw());
  return chapter(
    "guide-skip",
    phrase("guide.skip.words"),
    phrase("guide.skip.try"),
    [
      h("div", { class: "row" }, tables[0], follows("+", tables[1]), follows("=", joined)),
      h("div", { class: "controls" }, controls),
      line,
    ],
    seenIn(context, ["add"]),
  );
}

const UNITS = [2, 5, 1, 4, 3, 6, 2, 1];

/** @type {(context: Context) => HTMLElement} */
export function chapterDropout(context) {
  let [rate, seed] = [0.5, 1];
  const line = sums();
  const tables = h("div", { class: "stack" });
  /** A number from 0 to 1; the same row of them each time (Park and Miller, 1988). */
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  /** @type {number[]} */
  let drawn = [];
  const again = button(phrase("guide.blocks.draw-again"), () => {
    drawn = UNITS.map(random);
    show();
  });
  const control = slider({
    label: phrase("guide.blocks.rate"),
    min: 0,
    max: 0.9,
    step: 0.1,
    value: rate,
    onInput: (next) => {
      rate = next;
      show();
    },
  });

  function show() {
    const kept = UNITS.map((value, index) => (drawn[index] < rate ? 0 : value / (1 - rate)));
    tables.replaceChildren(
      numberTable({ values: [UNITS], name: phrase("guide.blocks.8-numbers-of-a"), limit: 12 }),
      numberTable({
        values: [kept],
        name: phrase("guide.blocks.learning-0-or-divided", { rate }),
        limit: 12,
        write: written,
      }),
    );
    line.replaceChildren(sumLine(phrase("guide.blocks.mean-this-time-8", { sum: sumText(kept) }), mean(kept)));
  }

  again.click();
  darkMode.addEventListener("change", show);
  return chapter(
    "guide-dropout",
    phrase("guide.dropout.words"),
    phrase("guide.dropout.try"),
    [h("div", { class: "controls" }, again, control), tables, line],
    seenIn(context, ["dropout"]),
  );
}
