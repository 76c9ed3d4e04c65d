// What a value is made of, in tables and one sentence: a function for each kind of `explainValue`.
/**
 * @import { Cell, Explanation, Group } from "../engine/contributions.js"
 * @import { Child } from "./elements.js"
 * @typedef {(told: Explanation, chosenGroup: number | null, choose: (group: number) => void) => Child[]} Contributions
 */

import { button, choice, exact, h, short, svg, thousands } from "./elements.js";
import { numberTable, tableBehind, termTable } from "./numbers.js";
import { labelOf, lookAtValue, makerOf, placeName, state } from "./state.js";
import { total } from "../engine/tensors.js";
import { phrase, phrases } from "../texts/texts.js";

/**
 * A table of the cells of a group: rows and columns as in the window.
 * @type {(group: Group, name: string, valueOf: (cell: Cell) => any, more?: Partial<import("./numbers.js").TableOptions>) => HTMLElement}
 */
function grid(group, name, valueOf, more = {}) {
  const values = Array.from({ length: group.rows }, (_, row) =>
    group.cells.slice(row * group.columns, (row + 1) * group.columns).map(valueOf),
  );
  /** @type {(row: number, column: number) => Cell} */
  const cellAt = (row, column) => group.cells[row * group.columns + column];
  return h(
    "div",
    { class: "scroll" },
    numberTable({
      values,
      name,
      classOf: (row, column) => (cellAt(row, column).padding ? "padding" : cellAt(row, column).chosen ? "chosen" : ""),
      ...more,
    }),
  );
}

/**
 * Go on to where a cell of the input was computed; the picture's own pixels come from nowhere.
 * @type {(tensor: string, group: Group) => ((row: number, column: number) => void) | undefined}
 */
const follow = (tensor, group) =>
  makerOf(tensor)
    ? (row, column) => {
        const cell = group.cells[row * group.columns + column];
        if (cell.from !== null) lookAtValue(tensor, cell.from);
      }
    : undefined;

/** @type {(group: Group) => number} */
const sumOf = (group) => group.cells.reduce((sum, cell) => sum + (cell.product ?? 0), 0);

/**
 * Long groups (a dense layer, a global pooling) are shown by their table of terms only.
 * @type {(group: Group) => boolean}
 */
const isWindow = (group) => (group.rows > 1 ? group.cells.length <= 225 : group.columns <= 12);

/** @type {Contributions} */
function contributionsOfSum(told, chosenGroup, choose) {
  /** @type {Group[]} */
  const groups = told.groups;
  const sums = groups.map(sumOf);
  const all = sums.reduce((sum, one) => sum + one, 0);
  const most = sums.reduce((best, sum, index) => (Math.abs(sum) > Math.abs(sums[best]) ? index : best), 0);
  const group = groups[chosenGroup ?? most];
  const count = groups.reduce((sum, one) => sum + one.cells.length, 0);
  const pick =
    groups.length > 1 &&
    choice({
      label: phrase("contributions.input-channel"),
      value: String(chosenGroup ?? most),
      onChange: (index) => choose(Number(index)),
      options: groups.map((one, index) => [String(index), `${one.channel}: ${short(sums[index])}`]),
    });
  const padded =
    group.cells.some((cell) => cell.padding) && h(
      "p",
      { class: "note" },
      phrase("contributions.hatched-cells-are-padding"),
    );
  return [
    h(
      "p",
      { class: "equation" },
      phrases("contributions.sum", {
        count,
        sum: exact(all),
        bias: h("data", { id: "shown-bias", value: told.bias }, exact(told.bias)),
        value: exact(told.value),
      }),
    ),
    pick,
    isWindow(group) &&
      h(
        "div",
        { class: "row" },
        grid(group, phrase("contributions.the-window-over-channel", { channel: group.channel, tensor: told.tensor }), (cell) => cell.input, {
          onPick: follow(told.tensor, group),
        }),
        h("span", { class: "sign", "aria-label": phrase("contributions.times") }, "×"),
        grid(group, phrase("contributions.the-kernel"), (cell) => cell.weight),
        h("span", { class: "sign", "aria-label": phrase("contributions.gives") }, "="),
        grid(group, phrase("contributions.products-together", { group: exact(sumOf(group)) }), (cell) => cell.product),
      ),
    !isWindow(group) && largest(told, count),
    padded,
    groups.length > 1 && channels(groups, sums, choose),
    tableBehind(phrase("contributions.this-value"), () => terms(told), phrase("contributions.all-products", { count })),
  ];
}

const RANKED = 12;

/**
 * The channels of a convolution, the one that brings most first, each to be looked at.
 * @type {(groups: Group[], sums: number[], choose: (group: number) => void) => Child}
 */
function channels(groups, sums, choose) {
  const order = groups.map((_, index) => index).sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a]));
  return tableBehind(
    phrase("contributions.the-sums-of-all"),
    () =>
      termTable(
        [phrase("contributions.channel"), phrase("contributions.sum-of-its-products")],
        order.map((index) => [button(String(groups[index].channel), () => choose(index)), exact(sums[index])]),
        { class: "ranked" },
      ),
    phrase("contributions.all-channels-the-strongest"),
  );
}

/**
 * Values that another one was made from, the largest first, each with a button to how it was computed.
 * @type {(tensor: string, parts: { from: number | null, cells: Child[], weight: number }[], head: string[], title: string) => Child}
 */
function ranking(tensor, parts, head, title) {
  const ranked = [...parts].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, RANKED);
  const rows = ranked.map(({ from, cells }) => [
    from === null ? phrase("contributions.padding") : link(tensor, from, placeName(tensor, from)),
    ...cells,
  ]);
  return [
    h(
      "h3",
      {},
      parts.length > ranked.length ? phrase("contributions.the-largest-of", { count: ranked.length, count2: thousands(parts.length) }) : title,
    ),
    h(
      "div",
      { class: "scroll" },
      termTable([phrase("contributions.of", { tensor }), ...head], rows, { class: "ranked" }),
    ),
  ];
}

/**
 * The largest products of a long sum, each with a button to the value that it was made from.
 * @type {(told: Explanation, count: number) => Child}
 */
function largest(told, count) {
  /** @type {Group[]} */
  const groups = told.groups;
  /** @type {(cell: Cell) => number} */
  const product = (cell) => cell.product ?? 0;
  const ranked = groups
    .flatMap((group) => group.cells)
    .sort((a, b) => Math.abs(product(b)) - Math.abs(product(a)))
    .slice(0, RANKED);
  const rows = ranked.map((cell) => [
    cell.from === null ? phrase("contributions.padding") : link(
      told.tensor,
      cell.from,
      placeName(told.tensor, cell.from),
    ),
    exact(cell.input),
    exact(cell.weight ?? NaN),
    exact(product(cell)),
  ]);
  const together = ranked.reduce((sum, cell) => sum + product(cell), 0);
  return [
    h(
      "h3",
      {},
      ranked.length < count ? phrase("contributions.the-largest-products", { count: ranked.length }) : phrase(
        "contributions.the-products-the-largest",
      ),
    ),
    h("p", {}, phrase("contributions.together-choose-where-one", { together: exact(together) })),
    h(
      "div",
      { class: "scroll" },
      termTable(
        [
          phrase("contributions.of", { tensor: told.tensor }),
          phrase("contributions.input"),
          phrase("contributions.weight"),
          phrase("contributions.product"),
        ],
        rows,
        { class: "ranked" },
      ),
    ),
  ];
}

/**
 * Every product of a sum: where its input is, the input, the weight, the product.
 * @type {(told: Explanation) => HTMLElement}
 */
export function terms(told) {
  /** @type {Group[]} */
  const groups = told.groups;
  const rows = groups.flatMap((group) =>
    group.cells.map((cell) => [
      group.channel,
      cell.row,
      cell.column,
      cell.padding ? phrase("contributions.padding") : exact(cell.input),
      exact(cell.weight ?? NaN),
      exact(cell.product ?? NaN),
    ]),
  );
  const head = [
    phrase("contributions.channel"),
    phrase("contributions.row"),
    phrase("contributions.column"),
    phrase("contributions.input"),
    phrase("contributions.weight"),
    phrase("contributions.product"),
  ];
  return termTable(head, rows, { class: "terms" });
}

/** @type {Contributions} */
function contributionsOfPool(told) {
  /** @type {Group} */
  const group = told.groups[0];
  const inside = group.cells.filter((cell) => !cell.padding).map((cell) => cell.input);
  const text =
    told.kind === "max"
      ? phrase("contributions.largest-of", { count: inside.length, value: exact(told.value) })
      : phrase("contributions.mean-of", {
          count: inside.length,
          sum: exact(total(inside)),
          divisor: told.count,
          value: exact(told.value),
        });
  return [
    h("p", { class: "equation" }, text),
    isWindow(group) &&
      grid(
        group,
        phrase("contributions.the-window-over-channel", { channel: group.channel, tensor: told.tensor }),
        (cell) => (cell.padding ? null : cell.input),
        { onPick: follow(told.tensor, group) },
      ),
    ranking(
      told.tensor,
      group.cells
        .filter((cell) => !cell.padding)
        .map(({ from, input }) => ({
          from,
          weight: told.kind === "max" ? input - Math.min(...inside) : input,
          cells: [exact(input), ...(told.kind === "max" ? [] : [exact(input / told.count)])],
        })),
      told.kind === "max" ? [phrase("contributions.value")] : [
        phrase("contributions.value"),
        phrase("contributions.its-part-of-the"),
      ],
      phrase("contributions.the-values-the-largest"),
    ),
    tableBehind(
      phrase("contributions.this-value"),
      () =>
        termTable(
          [phrase("contributions.row"), phrase("contributions.column"), phrase("contributions.value")],
          group.cells.map((cell) => [
            cell.row,
            cell.column,
            cell.padding ? phrase("contributions.padding") : exact(cell.input),
          ]),
          { class: "terms" },
        ),
      phrase("contributions.all-values", { count: group.cells.length }),
    ),
  ];
}

/**
 * A button to the value that another value is computed from.
 * @type {(tensor: string, at: number, text: string) => string | HTMLElement}
 */
function link(tensor, at, text) {
  if (!state.tensors.has(tensor) || !makerOf(tensor)) return text;
  return button(text, () => lookAtValue(tensor, at), { title: `${tensor}, ${placeName(tensor, at)}` });
}

/** @type {Contributions} */
function contributionsOfScale(told) {
  return [
    h("p", {}, phrase("contributions.normalized-with-the-mean")),
    h(
      "p",
      { class: "equation" },
      `(${exact(told.input)} - ${exact(told.mean)}) / √(${exact(told.variance)} + ${told.epsilon})`,
      ` × ${exact(told.scale)} + ${exact(told.bias)} = ${exact(told.value)}`,
    ),
    h(
      "p",
      { class: "equation" },
      phrases("contributions.for-every-picture", {
        factor: exact(told.factor),
        offset: exact(told.offset),
        input: link(told.tensor, told.from, exact(told.input)),
      }),
    ),
  ];
}

/** @type {Contributions} */
function contributionsOfSpread(told) {
  /** @type {{ value: number, square: number, from: number }[]} */
  const parts = told.parts;
  const sum = total(parts.map(({ square }) => square));
  return [
    h("p", {}, phrase("contributions.divided-by-what-it")),
    h(
      "p",
      { class: "equation" },
      link(told.tensor, told.from, exact(told.input)),
      ` / (${told.bias} + ${short(told.alpha)} / ${told.size} × ${exact(sum)}) ^ ${told.beta} = ${exact(told.value)}`,
    ),
    ranking(
      told.tensor,
      parts.map(({ from, value, square }) => ({ from, weight: square, cells: [exact(value), exact(square)] })),
      [phrase("contributions.value"), phrase("contributions.square")],
      phrase("contributions.the-neighbours-the-largest"),
    ),
  ];
}

/** @type {Contributions} */
function contributionsOfFunction(told) {
  const limit = Math.max(3, Math.abs(told.input) * 1.2);
  const attributes = Object.entries(told.attributes)
    .filter(([, value]) => typeof value === "number")
    .map(([name, value]) => `${GREEK[name] ?? name} = ${short(value)}`);
  return [
    h(
      "p",
      { class: "equation" },
      phrases("contributions.formula-with", {
        formula: [told.formula, ...attributes].join(", "),
        input: link(told.tensor, told.from, exact(told.input)),
        value: exact(told.value),
      }),
    ),
    functionCurve(told.f, told.input, told.value, limit),
  ];
}

/** @type {Record<string, string>} */
const GREEK = { alpha: "α", beta: "β", gamma: "γ" };

/**
 * The curve of an activation, and where the value is on it.
 * @type {(f: (x: number) => number, input: number, value: number, limit: number) => SVGElement}
 */
function functionCurve(f, input, value, limit) {
  const points = Array.from({ length: 121 }, (_, index) => -limit + (index * limit) / 60)
    .map((x) => [x, f(x)])
    .filter(([, y]) => Number.isFinite(y)); // a root and a logarithm begin at zero
  const high = Math.max(...points.map(([, y]) => y), value) + 1e-9;
  const low = Math.min(...points.map(([, y]) => y), value, 0);
  /** @type {(point: number[]) => number[]} */
  const place = ([x, y]) => [((x + limit) / (2 * limit)) * 240, 130 - ((y - low) / (high - low)) * 120];
  return svg(
    "svg",
    {
      viewBox: "0 0 240 140",
      class: "curve",
      role: "img",
      "aria-label": phrase("contributions.the-curve-here-becomes", { input: short(input), value: short(value) }),
    },
    svg("path", {
      class: "axis",
      d: `M${place([-limit, 0])} L${place([limit, 0])} M${place([0, low])} L${place([0, high])}`,
    }),
    svg("path", { class: "line", d: `M${points.map(place).join(" L")}` }),
    svg("circle", { cx: place([input, value])[0], cy: place([input, value])[1], r: 5 }),
  );
}

/** @type {Contributions} */
function contributionsOfPair(told) {
  /** @type {Record<string, any>[]} */
  const joined = told.parts;
  const parts = joined.flatMap((part, index) => [
    index ? ` ${told.sign} ` : "",
    part.constant
      ? phrase("contributions.of-the-file", { value: exact(part.value) })
      : link(part.tensor, part.from, `${exact(part.value)} (${part.tensor})`),
  ]);
  const live = joined.filter((part) => !part.constant).sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  return [
    h("p", { class: "equation" }, ...parts, ` = ${exact(told.value)}`),
    live.length > 1 && [
      h("h3", {}, phrase("contributions.what-meets-here-the")),
      h(
        "div",
        { class: "scroll" },
        termTable(
          [phrase("contributions.from"), phrase("contributions.value")],
          live.map((part) => [link(part.tensor, part.from, `${part.tensor}, ${placeName(part.tensor, part.from)}`), exact(part.value)]),
          { class: "ranked" },
        ),
      ),
    ],
  ].flat();
}

/** @type {Contributions} */
function contributionsOfSoftmax(told) {
  const own = told.parts[told.chosen];
  /** @type {Record<string, any>[]} */
  const parts = told.parts;
  const rows = parts.map((part, index) => [
    labelOf(index),
    exact(part.input),
    exact(part.power),
    exact(part.share),
  ]);
  return [
    h(
      "p",
      {},
      phrase("contributions.every-score", { most: exact(told.most), sum: exact(told.sum) }),
    ),
    h(
      "p",
      { class: "equation" },
      "exp(",
      link(told.tensor, own.from, exact(own.input)),
      ` - ${exact(told.most)}) / ${exact(told.sum)} = ${exact(own.power)} / ${exact(told.sum)} = ${exact(told.value)}`,
    ),
    h(
      "div",
      { class: "scroll" },
      termTable(
        [
          phrase("contributions.class"),
          phrase("contributions.score"),
          phrase("contributions.exponential"),
          phrase("contributions.probability"),
        ],
        rows,
      ),
    ),
  ];
}

/** @type {Contributions} */
function contributionsOfMove(told) {
  if (told.tensor === null)
    return [h("p", {}, phrase("contributions.it-is-padding-no", { value: exact(told.value) }))];
  const text = `${told.tensor}, ${placeName(told.tensor, told.from)}`;
  return [
    h(
      "p",
      {},
      phrases("contributions.only-moved", { before: link(told.tensor, told.from, text) }),
    ),
  ];
}

/** @type {Contributions} */
const contributionsOfWhole = (told) => [
  h(
    "p",
    {},
    phrase("contributions.only-maps", { operator: state.node?.op ?? "", tensor: told.tensor }),
  ),
];

/** @type {Record<string, Contributions>} */
export const CONTRIBUTIONS = {
  sum: contributionsOfSum,
  mean: contributionsOfPool,
  max: contributionsOfPool,
  scale: contributionsOfScale,
  spread: contributionsOfSpread,
  function: contributionsOfFunction,
  pair: contributionsOfPair,
  softmax: contributionsOfSoftmax,
  move: contributionsOfMove,
  whole: contributionsOfWhole,
};
