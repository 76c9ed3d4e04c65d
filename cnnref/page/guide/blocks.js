// Chapters: what modern networks are built from: global pooling, batch normalization, skip connections, dropout.
/** @import { Context } from "./parts.js" */

import { everywhere, greatest, mean, normalized } from "./arithmetic.js";
import { chapter, editTable, follows, inBrackets, seenIn, sumLine, sums, sumText, written } from "./parts.js";
import { button, choice, darkMode, h, slider } from "../view/elements.js";
import { numberTable } from "../view/numbers.js";

/** @type {(context: Context) => HTMLElement} */
export function chapterGlobal(context) {
  // prettier-ignore
  const maps = [[[0, 1, 0], [2, 6, 1], [0, 2, 0]], [[3, 3, 0], [3, 0, 0], [0, 0, 0]]];
  let kind = "average";
  const line = sums();
  const tables = maps.map((map, index) => editTable(map, `map ${index}: type over it`, draw, 6));
  const list = choice({
    label: "Pooling",
    value: kind,
    options: [
      ["average", "the mean"],
      ["max", "the greatest"],
    ],
    onChange: (next) => {
      kind = next;
      draw();
    },
  });
  /** Each map a cell further to the right, and round. */
  const move = button("Move the maps by a column", () => {
    for (const row of maps.flat()) row.unshift(row.pop() ?? 0);
    tables.forEach((table) => table.show());
    draw();
  });

  function draw() {
    line.replaceChildren(
      ...maps.map((map, index) => {
        const cells = map.flat();
        const way = kind === "max" ? `max(${cells.map(written).join(", ")})` : `(${sumText(cells)}) / ${cells.length}`;
        return sumLine(`Map ${index}: ${way}`, kind === "max" ? greatest(cells) : mean(cells));
      }),
    );
  }

  draw();
  return chapter(
    "guide-global",
    [
      "Global pooling makes one number of a whole feature map: how much of its pattern is in the picture, and no",
      "longer where. It has no weights, takes pictures of any size, and replaces the flattening and the large dense",
      "layers of older networks.",
      "Move the maps: the numbers stay.",
    ],
    [h("div", { class: "controls" }, list, move), h("div", { class: "row" }, tables), line],
    seenIn(context, ["globalpool"]),
  );
}

/** @type {(context: Context) => HTMLElement} */
export function chapterNormalization(context) {
  const values = [[4, 8, 6, 2]];
  const given = { scale: 1, offset: 0 };
  const line = sums();
  const table = editTable(values, "a channel in 4 pictures", draw, 10);
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
      sumLine(`Mean: (${sumText(row)}) / 4`, found.mean),
      sumLine(`Variance: (${row.map((one) => `${inBrackets(one - found.mean)}²`).join(" + ")}) / 4`, found.variance),
      sumLine(`Standard deviation: √(${written(found.variance)} + 0.001)`, spread),
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
    [
      "Batch normalization keeps each channel in a range that is good to learn in: the mean of the batch is taken",
      "off, the rest divided by its standard deviation, and a scale and an offset, which are learned, put the channel",
      "where it is needed. After training the means and variances are fixed, so that what is left is one product and",
      "one sum a channel; many files have it folded into the convolution before.",
      "Type one value far from the others, and move the scale.",
    ],
    [table, h("div", { class: "controls" }, control("scale", "scale γ"), control("offset", "offset β")), line],
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
    slider({ label: "blocks", min: 1, max: 50, value: 20, onInput: (layers) => {
      given.layers = layers;
      draw();
    } }),
    slider({
      label: "slope of F",
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
      sumLine(`Slope through ${layers} blocks without skips: ${slope}^${layers}`, slope ** layers),
      sumLine(`With skips: (1 + ${slope})^${layers}`, (1 + slope) ** layers),
    );
  }

  draw();
  darkMode.addEventListener("change", () => draw());
  return chapter(
    "guide-skip",
    [
      "A skip connection carries x round some layers and adds it to F(x), what they make of it: the layers learn only",
      "the residual, what is to be changed. Where the shapes differ, a 1 × 1 convolution on the skip makes them fit.",
      "Backwards, the slope of a block is 1 plus that of F, and not that of F alone: the gradient reaches the first",
      "layers even through many blocks.",
      "Compare the slopes of deep networks.",
    ],
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
  const again = button("Draw again", () => {
    drawn = UNITS.map(random);
    show();
  });
  const control = slider({
    label: "rate",
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
      numberTable({ values: [UNITS], name: "8 numbers of a layer, mean 3", limit: 12 }),
      numberTable({ values: [kept], name: `learning: 0, or divided by 1 − ${rate}`, limit: 12, write: written }),
    );
    line.replaceChildren(sumLine(`Mean this time: (${sumText(kept)}) / 8`, mean(kept)));
  }

  again.click();
  darkMode.addEventListener("change", show);
  return chapter(
    "guide-dropout",
    [
      "Dropout is for training alone: at each step chance sets some numbers of a layer to zero, and the rest is",
      "enlarged so that the mean stays what it was. No unit can lean on a single other one, and the network learns its",
      "examples by heart less easily. When a picture is classified nothing is dropped, so the file has no such layer.",
      "Draw again, and change the rate.",
    ],
    [h("div", { class: "controls" }, again, control), tables, line],
    seenIn(context, ["dropout"]),
  );
}
