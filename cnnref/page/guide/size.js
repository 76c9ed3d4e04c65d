// Chapter: how many places a window has, the formula with its floor.

import { positions } from "./arithmetic.js";
import { chapter, seenIn, written } from "./parts.js";
import { h, slider, svg } from "../view/elements.js";
import { phrase } from "../texts/texts.js";

const UNIT = 28; // of the drawing, a cell

/** @typedef {{ n: number, kernel: number, stride: number, before: number, after: number, dilation: number }} Sizes */

/** @type {(context: import("./parts.js").Context) => HTMLElement} */
export function chapterSize(context) {
  /** @type {Sizes} */
  const sizes = { n: 10, kernel: 3, stride: 2, before: 0, after: 0, dilation: 1 };
  /** @type {Record<keyof Sizes, [number, number]>} */
  const ranges = { n: [1, 20], kernel: [1, 7], stride: [1, 5], dilation: [1, 3], before: [0, 3], after: [0, 3] };
  const names = /** @type {(keyof Sizes)[]} */ (Object.keys(ranges));
  const sliders = names.map((name) =>
    slider({
      label: phrase(`guide.size:${name}`),
      min: ranges[name][0],
      max: ranges[name][1],
      value: sizes[name],
      onInput: (value) => {
        sizes[name] = value;
        draw();
      },
    }),
  );
  const lines = h("div", { class: "sums aligned", role: "status" });
  const drawing = h("div");

  function draw() {
    const { n, kernel, stride, before, after, dilation } = sizes;
    const count = positions(n, kernel, sizes);
    const reach = dilation * (kernel - 1) + 1;
    const room = n + before + after - reach;
    const rest = count ? room % stride : 0;
    const unread = axisDrawing(drawing, sizes, count);
    lines.replaceChildren(
      h("p", {}, phrase("guide.size.n-before-after-dilation")),
      h("p", {}, `= ⌊(${n} + ${before} + ${after} − ${dilation}·(${kernel} − 1) − 1) / ${stride}⌋ + 1`),
      ...(count
        ? [
            h("p", {}, `= ⌊${room} / ${stride}⌋ + 1 = ⌊${written(room / stride)}⌋ + 1 = ${count - 1} + 1`),
            h("p", {}, "= ", h("strong", {}, phrase("guide.size.places", { count }))),
          ]
        : [
            h(
              "p",
              {},
              h("strong", {}, phrase("guide.size.no-place-a-window", { reach, n: n + before + after })),
            ),
          ]),
    );
    const floor = rest
      ? phrase("guide.size.floor-drops", { count: rest, stride })
      : phrase("guide.size.the-floor-drops-nothing");
    const crossed = unread
      ? phrase("guide.size.crossed-out", { count: unread })
      : phrase("guide.size.every-cell-is-read");
    note.textContent = count ? `${floor} ${crossed}` : "";
  }

  const note = h("p", { class: "note" });
  draw();
  return chapter(
    "guide-size",
    phrase("guide.size.words"),
    phrase("guide.size.try"),
    [h("div", { class: "controls grid" }, sliders), lines, drawing, note],
    seenIn(context, ["conv", "maxpool", "averagepool"]),
  );
}

/**
 * Draw the axis and its windows into `place`; the number of cells that none of them reads.
 * @type {(place: HTMLElement, sizes: Sizes, count: number) => number}
 */
function axisDrawing(place, { n, kernel, stride, before, after, dilation }, count) {
  const all = before + n + after;
  const reads = Array.from({ length: count }, (_, at) =>
    Array.from({ length: kernel }, (_, cell) => at * stride + cell * dilation),
  );
  const read = new Set(reads.flat());
  const axis = Array.from({ length: all }, (_, cell) => {
    const outside = cell < before || cell >= before + n;
    const x = cell * UNIT;
    const cross = svg("path", { class: "cross", d: `M${x + 8} 8 l12 12 m0 -12 l-12 12` });
    return svg(
      "g",
      {},
      svg("rect", { x, y: 0, width: UNIT, height: UNIT, class: outside ? "outside" : "inside" }),
      read.has(cell) ? [] : cross,
    );
  });
  const windows = reads.map((cells, at) => {
    const y = UNIT + 12 + at * 16;
    /** @type {(cell: number) => number} */
    const middle = (cell) => cell * UNIT + UNIT / 2;
    return svg(
      "g",
      {},
      svg("line", { x1: middle(cells[0]), x2: middle(cells[cells.length - 1]), y1: y, y2: y }),
      cells.map((cell) => svg("rect", { class: "read", x: middle(cell) - 5, y: y - 5, width: 10, height: 10 })),
    );
  });
  const high = UNIT + 12 + Math.max(1, count) * 16;
  const hatch = svg(
    "pattern",
    { id: "guide-hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect", { width: 1.5, height: 5 }),
  );
  const unread = all - read.size;
  const label = phrase("guide.size.axis", { all, padding: before + after, count, unread });
  place.replaceChildren(
    svg(
      "svg",
      {
        class: "axis",
        viewBox: `-1 -1 ${all * UNIT + 2} ${high + 2}`,
        width: all * UNIT + 2,
        role: "img",
        "aria-label": label,
      },
      svg("defs", {}, hatch),
      axis,
      windows,
    ),
  );
  return unread;
}
