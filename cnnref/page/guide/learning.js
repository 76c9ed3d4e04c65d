// Chapters: how a network learns: the loss, gradient descent, and one step of backpropagation, number by number.

import { crossEntropy, forwardAndBack, softmax, stepped } from "./arithmetic.js";
import { chapter, editTable, inBrackets, productsText, sumLine, sums, sumText, written } from "./parts.js";
import { button, darkMode, h, set, slider, svg } from "../view/elements.js";
import { numberTable } from "../view/numbers.js";

/** @type {() => HTMLElement} */
export function chapterLoss() {
  const scores = [1, 2, 0];
  const line = sums();
  const sliders = scores.map((value, index) =>
    slider({
      label: index ? `score ${index}` : "right class",
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
      sumLine(`Loss: −log(${written(shares[0])})`, crossEntropy(scores, 0)),
      ...shares.map((share, index) =>
        sumLine(
          `Slope at score ${index}: ${written(share)} − ${index ? 0 : 1}`,
          share - (index ? 0 : 1),
        ),
      ),
    );
  }

  draw();
  return chapter("guide-loss", [
    "To learn, a network needs one number that says how wrong it is. The usual loss of classifiers is cross-entropy:",
    "minus the logarithm of the share that softmax gives to the right class. It is 0 for a share of 1 and grows",
    "without end towards 0. Its slope at each score is simple: the share, less 1 for the right class.",
    "Make the network sure of a wrong class, and see the loss.",
  ], [h("div", { class: "controls grid" }, sliders), line]);
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
    { class: "plot", viewBox: "0 0 360 240", role: "img", "aria-label": "the loss over the weight" },
    svg("path", { class: "grid", d: "M0,230 H360" }),
    svg("path", { class: "curve", d: `M${curve}` }),
    path,
    point,
  );
  const note = h("p", { class: "note" }, "The loss over the weight w, from −1.5 to 4.5.");
  let way = [w];
  /** @type {(next: number[]) => void} */
  const go = (next) => {
    way = next;
    w = way[way.length - 1];
    draw();
  };
  const next = () => Math.max(-1e6, Math.min(1e6, w - rate * slope(w)));
  const controls = [
    button("Take a step", () => go([...way, next()].slice(-30))),
    button("Begin again", () => go([-0.5])),
    slider({ label: "learning rate", min: 0.01, max: 0.3, step: 0.01, value: rate, onInput: (to) => {
      rate = to;
      draw();
    } }),
  ];

  function draw() {
    const shown = Math.max(-1.5, Math.min(4.5, w));
    set(path, { d: `M${way.map((x) => at(Math.max(-1.5, Math.min(4.5, x)))).join(" L")}` });
    const [cx, cy] = at(shown).split(",");
    set(point, { cx, cy });
    line.replaceChildren(
      sumLine(`Loss: (2·${inBrackets(w)} − 3)²`, loss(w)),
      sumLine(`Slope: 4·(2·${inBrackets(w)} − 3)`, slope(w)),
      sumLine(`Next weight: ${written(w)} − ${rate}·${inBrackets(slope(w))}`, next()),
    );
  }

  draw();
  return chapter("guide-descent", [
    "Learning is going downhill. The gradient says for each weight how the loss would change; gradient descent takes",
    "from each weight its gradient, times the learning rate. Here a single weight w should make 2·w equal to 3. In a",
    "network the same is done to all weights at once, with a few pictures at a time: stochastic gradient descent.",
    "Take some steps, then try a learning rate above 0.25.",
  ], [
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
    editTable(inputs, "2 inputs", draw, 3),
    editTable(weights.first, "layer 1", draw, 2),
    editTable(weights.second, "layer 2", draw, 2),
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
    button("Take the step", () => take(stepOf())),
    button("Begin again", () => take({ first: FIRST, second: SECOND })),
    slider({ label: "learning rate", min: 0.05, max: 1, step: 0.05, value: rate, onInput: (to) => {
      rate = to;
      draw();
    } }),
  ];

  function draw() {
    const [x] = inputs;
    const found = forwardAndBack(x, weights, RIGHT);
    const { first, second } = weights;
    /** @type {(values: number[], table: number[][], column: number) => number[][]} */
    const down = (values, table, column) => values.map((value, row) => [value, table[row][column]]);
    forward.replaceChildren(
      ...found.sums.map((sum, j) =>
        sumLine(`Hidden ${j}: ReLU(${productsText(down(x, first, j))}) = ReLU(${written(sum)})`, found.hidden[j]),
      ),
      ...found.scores.map((score, j) => sumLine(`Score ${j}: ${productsText(down(found.hidden, second, j))}`, score)),
      sumLine(`Softmax: share of class ${RIGHT}, the right one`, found.shares[RIGHT]),
      sumLine(`Loss: −log(${written(found.shares[RIGHT])})`, found.loss),
    );
    back.replaceChildren(
      ...found.atScores.map((slope, j) =>
        sumLine(`Slope at score ${j}: ${written(found.shares[j])} − ${j === RIGHT ? 1 : 0}`, slope),
      ),
      ...found.atHidden.map((slope, i) => {
        const pairs = second[i].map((weight, j) => [weight, found.atScores[j]]);
        return sumLine(`Slope at hidden ${i}: ${productsText(pairs)}`, slope);
      }),
      ...found.atSums.map((slope, i) =>
        sumLine(`Before its ReLU: ${inBrackets(found.atHidden[i])}·${found.sums[i] > 0 ? 1 : 0}`, slope),
      ),
    );
    gradients.replaceChildren(
      numberTable({ values: found.gradients.first, name: "gradient: input · slope", limit: 2, write: written }),
      numberTable({ values: found.gradients.second, name: "gradient: hidden · slope", limit: 2, write: written }),
    );
    const [old, slope] = [second[0][0], found.gradients.second[0][0]];
    const to = stepOf();
    const next = forwardAndBack(x, to, RIGHT).loss;
    news.replaceChildren(
      numberTable({ values: to.first, name: "layer 1 after the step", limit: 2, write: written }),
      numberTable({ values: to.second, name: "layer 2 after the step", limit: 2, write: written }),
    );
    after.replaceChildren(
      sumLine(`The first weight of layer 2: ${written(old)} − ${rate}·${inBrackets(slope)}`, old - rate * slope),
      sumLine(`Loss after the step: ${sumText([found.loss, next - found.loss])}`, next),
    );
  }

  draw();
  darkMode.addEventListener("change", () => draw());
  return chapter("guide-backprop", [
    "Where do the gradients come from? From the chain rule, backwards: the slope of the loss is known at the scores;",
    "through each weight it goes back to the number before, times the weight, and through ReLU only where that let the",
    "number pass. The gradient of a weight is the number that goes into it times the slope of what comes out. A",
    "convolution does the same, and adds up over all places of its window. Here is one whole step of a tiny network.",
    "Take the step, and see the loss fall.",
  ], [
    h("div", { class: "row" }, tables),
    h("h4", {}, "Forwards"),
    forward,
    h("h4", {}, "Backwards"),
    back,
    gradients,
    h("h4", {}, "The step"),
    h("div", { class: "controls" }, controls),
    news,
    after,
  ]);
}
