// Chapters: how a network learns: the loss, gradient descent, and one step of backpropagation, number by number.

import { crossEntropy, forwardAndBack, softmax, stepped } from "./arithmetic.js";
import { chapter, editTable, inBrackets, productsText, sumLine, sums, sumText, written } from "./parts.js";
import { button, darkMode, h, set, slider, svg } from "../view/elements.js";
import { numberTable } from "../view/numbers.js";
import { phrase } from "../texts/texts.js";

/** @type {() => HTMLElement} */
export function chapterLoss() {
  const scores = [1, 2, 0];
  const line = sums();
  const sliders = scores.map((value, index) =>
    slider({
      label: index ? phrase("guide.learning.score", { index }) : phrase("guide.learning.right-class"),
      min: -4,
      max: 4,
      step: 0.1,
      value,
      say: written,
      onInput: (next) => {
      scores[index] = next;
      draw();
    },
    }),
  );

  function draw() {
    const shares = softmax(scores);
    line.replaceChildren(
      sumLine(phrase("guide.learning.loss-log", { shares: written(shares[0]) }), crossEntropy(scores, 0)),
      ...shares.map((share, index) =>
        sumLine(
          phrase("guide.learning.slope-at-score", { index, share: written(share), value: index ? 0 : 1 }),
          share - (index ? 0 : 1),
        ),
      ),
    );
  }

  draw();
  return chapter(
    "guide-loss",
    phrase("guide.loss.words"),
    phrase("guide.loss.try"),
    [h("div", { class: "controls grid" }, sliders), line],
  );
}

/** @type {() => HTMLElement} */
export function chapterDescent() {
  /** @type {(w: number) => number} */
  const loss = (w) => (2 * w - 3) ** 2;
  /** @type {(w: number) => number} */
  const slope = (w) => 4 * (2 * w - 3);
  let [rate, w] = [0.05, -0.5];
  const line = sums();
  /** @type {(x: number) => string} */
  const at = (x) => `${60 * (x + 1.5)},${230 - 5 * Math.min(46, loss(x))}`;
  const curve = Array.from({ length: 61 }, (_, step) => at(step / 10 - 1.5)).join(" L");
  const [path, point] = [svg("path", { class: "drop" }), svg("circle", { r: 10, class: "point" })];
  const plot = svg(
    "svg",
    { class: "plot", viewBox: "0 0 360 240", role: "img", "aria-label": phrase("guide.learning.the-loss-over-the") },
    svg("path", { class: "grid", d: "M0,230 H360" }),
    svg("path", { class: "curve", d: `M${curve}` }),
    path,
    point,
  );
  const note = h("p", { class: "note" }, phrase("guide.learning.the-loss-over-the-weight"));
  let way = [w];
  /** @type {(next: number[]) => void} */
  const go = (next) => {
    way = next;
    w = way[way.length - 1];
    draw();
  };
  const next = () => Math.max(-1e6, Math.min(1e6, w - rate * slope(w)));
  const controls = [
    button(phrase("guide.learning.take-a-step"), () => go([...way, next()].slice(-30))),
    button(phrase("guide.learning.begin-again"), () => go([-0.5])),
    slider({
      label: phrase("guide.learning.learning-rate"),
      min: 0.01,
      max: 0.3,
      step: 0.01,
      value: rate,
      onInput: (to) => {
        rate = to;
        draw();
      },
    }),
  ];

  function draw() {
    const shown = Math.max(-1.5, Math.min(4.5, w));
    set(path, { d: `M${way.map((x) => at(Math.max(-1.5, Math.min(4.5, x)))).join(" L")}` });
    const [cx, cy] = at(shown).split(",");
    set(point, { cx, cy });
    line.replaceChildren(
      sumLine(phrase("guide.learning.loss-2-3", { w: inBrackets(w) }), loss(w)),
      sumLine(phrase("guide.learning.slope-4-2-3", { w: inBrackets(w) }), slope(w)),
      sumLine(phrase("guide.learning.next-weight", { w: written(w), rate, w2: inBrackets(slope(w)) }), next()),
    );
  }

  draw();
  return chapter("guide-descent", phrase("guide.descent.words"), phrase("guide.descent.try"), [
    h("div", { class: "controls" }, controls),
    h("div", { class: "row" }, plot, h("div", { class: "beside" }, line, note)),
  ]);
}

// prettier-ignore
const [FIRST, SECOND] = [[[0.5, -1], [1, 1]], [[1, -1], [-0.5, 1]]];
const RIGHT = 1;

/** @type {() => HTMLElement} */
export function chapterBackpropagation() {
  const inputs = [[1, 2]];
  const weights = { first: FIRST.map((row) => [...row]), second: SECOND.map((row) => [...row]) };
  let rate = 0.1;
  const [forward, back, after] = [sums(), sums(), sums()];
  const [gradients, news] = [h("div", { class: "row" }), h("div", { class: "row" })];
  const tables = [
    editTable(inputs, phrase("guide.learning.2-inputs"), draw, 3),
    editTable(weights.first, phrase("guide.learning.layer-1"), draw, 2),
    editTable(weights.second, phrase("guide.learning.layer-2"), draw, 2),
  ];
  /** @type {(next: { first: number[][], second: number[][] }) => void} */
  function take(next) {
    for (const layer of /** @type {const} */ (["first", "second"]))
      next[layer].forEach((row, i) => row.forEach((weight, j) => (weights[layer][i][j] = weight)));
    tables.forEach((table) => table.show());
    draw();
  }
  const stepOf = () => {
    const { gradients: found } = forwardAndBack(inputs[0], weights, RIGHT);
    return { first: stepped(weights.first, found.first, rate), second: stepped(weights.second, found.second, rate) };
  };
  const controls = [
    button(phrase("guide.learning.take-the-step"), () => take(stepOf())),
    button(phrase("guide.learning.begin-again"), () => take({ first: FIRST, second: SECOND })),
    slider({
      label: phrase("guide.learning.learning-rate"),
      min: 0.05,
      max: 1,
      step: 0.05,
      value: rate,
      onInput: (to) => {
        rate = to;
        draw();
      },
    }),
  ];

  function draw() {
    const [x] = inputs;
    const found = forwardAndBack(x, weights, RIGHT);
    const { first, second } = weights;
    /** @type {(values: number[], table: number[][], column: number) => number[][]} */
    const down = (values, table, column) => values.map((value, row) => [value, table[row][column]]);
    forward.replaceChildren(
      ...found.sums.map((sum, j) =>
        sumLine(
          phrase("guide.learning.hidden-relu-relu", { j, sum: productsText(down(x, first, j)), sum2: written(sum) }),
          found.hidden[j],
        ),
      ),
      ...found.scores.map((score, j) => sumLine(
        phrase("guide.learning.score-is", { j, sum: productsText(down(found.hidden, second, j)) }),
        score,
      )),
      sumLine(phrase("guide.learning.softmax-share-of-class", { index: RIGHT }), found.shares[RIGHT]),
      sumLine(phrase("guide.learning.loss-log", { shares: written(found.shares[RIGHT]) }), found.loss),
    );
    back.replaceChildren(
      ...found.atScores.map((slope, j) =>
        sumLine(
          phrase(
            "guide.learning.slope-at-score-of",
            { j, shares: written(found.shares[j]), value: j === RIGHT ? 1 : 0 },
          ),
          slope,
        ),
      ),
      ...found.atHidden.map((slope, i) => {
        const pairs = second[i].map((weight, j) => [weight, found.atScores[j]]);
        return sumLine(phrase("guide.learning.slope-at-hidden", { i, sum: productsText(pairs) }), slope);
      }),
      ...found.atSums.map((slope, i) =>
        sumLine(
          phrase(
            "guide.learning.before-its-relu",
            { slope: inBrackets(found.atHidden[i]), value: found.sums[i] > 0 ? 1 : 0 },
          ),
          slope,
        ),
      ),
    );
    gradients.replaceChildren(
      numberTable({
        values: found.gradients.first,
        name: phrase("guide.learning.gradient-input-slope"),
        limit: 2,
        write: written,
      }),
      numberTable({
        values: found.gradients.second,
        name: phrase("guide.learning.gradient-hidden-slope"),
        limit: 2,
        write: written,
      }),
    );
    const [old, slope] = [second[0][0], found.gradients.second[0][0]];
    const to = stepOf();
    const next = forwardAndBack(x, to, RIGHT).loss;
    news.replaceChildren(
      numberTable({ values: to.first, name: phrase("guide.learning.layer-1-after-the"), limit: 2, write: written }),
      numberTable({ values: to.second, name: phrase("guide.learning.layer-2-after-the"), limit: 2, write: written }),
    );
    after.replaceChildren(
      sumLine(
        phrase("guide.learning.the-first-weight-of", { old: written(old), rate, slope: inBrackets(slope) }),
        old - rate * slope,
      ),
      sumLine(phrase("guide.learning.loss-after-the-step", { sum: sumText([found.loss, next - found.loss]) }), next),
    );
  }

  draw();
  darkMode.addEventListener("change", () => draw());
  return chapter("guide-backprop", phrase("guide.backprop.words"), phrase("guide.backprop.try"), [
    h("div", { class: "row" }, tables),
    h("h4", {}, phrase("guide.learning.forwards")),
    forward,
    h("h4", {}, phrase("guide.learning.backwards")),
    back,
    gradients,
    h("h4", {}, phrase("guide.learning.the-step")),
    h("div", { class: "controls" }, controls),
    news,
    after,
  ]);
}
