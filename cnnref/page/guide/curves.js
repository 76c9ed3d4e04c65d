// Chapters: activations as curves that the reader can explore, and softmax.
/** @import { Context } from "./parts.js" */

import { ACTIVATIONS, LEAK, softmax } from "./arithmetic.js";
import { chapter, inBrackets, seenIn, sumLine, sums, written } from "./parts.js";
import { button, h, set, slider, svg } from "../view/elements.js";
import { saveButtons } from "../view/save.js";
import { phrase, phrases } from "../texts/texts.js";

const SCALE = { unit: 60, left: 4.2, top: 4.2, wide: 8.4, high: 5.8 }; // of the plot; x from -4 to 4, y from -1.5 to 4
/** @type {Record<string, [string, (x: number) => string, string]>} */
const ABOUT = {
  relu: [
    phrase("guide.curves.relu"),
    (x) => `max(0, ${written(x)})`,
    phrase("guide.curves.what-is-below-zero"),
  ],
  leaky: [
    phrase("guide.curves.leaky-relu"),
    (x) => `max(${written(x)}, ${LEAK}·${inBrackets(x)})`,
    phrase("guide.curves.below-zero-a-part", { slope: LEAK }),
  ],
  sigmoid: [
    phrase("guide.curves.sigmoid"),
    (x) => `1 / (1 + exp(${written(-x)}))`,
    phrase("guide.curves.everything-is-pressed-between"),
  ],
  tanh: [
    phrase("guide.curves.tanh"),
    (x) => `(exp(${written(x)}) − exp(${written(-x)})) / (exp(${written(x)}) + exp(${written(-x)}))`,
    phrase("guide.curves.like-sigmoid-but-between"),
  ],
};

/** @type {(context: Context) => HTMLElement} */
export function chapterActivations(context) {
  let name = "relu";
  let x = 1.5;
  const line = sums();
  const about = h("p", { class: "note" });
  const { unit, left, top, wide, high } = SCALE;
  /** @type {(a: number, b: number) => number[]} */
  const at = (a, b) => [unit * (left + a), unit * (top - b)];
  const path = svg("path", { class: "curve" });
  const tangent = svg("line", { class: "tangent" });
  const drop = svg("path", { class: "drop" });
  const point = svg("circle", { r: 10, class: "point" });
  const grid = [-4, -3, -2, -1, 0, 1, 2, 3, 4].map((a) =>
    svg(
      "g",
      { class: a ? "grid" : "grid axis-line" },
      svg("path", { d: `M${at(a, -1.5)} L${at(a, 4)}${a >= -1 ? ` M${at(-4, a)} L${at(4, a)}` : ""}` }),
      a ? svg("text", { x: at(a, 0)[0], y: at(0, 0)[1] + 22 }, written(a)) : [],
      a && a >= -1 ? svg("text", { x: at(0, 0)[0] - 16, y: at(0, a)[1] + 6 }, written(a)) : [],
    ),
  );
  const plot = svg(
    "svg",
    {
      class: "plot",
      viewBox: `0 0 ${unit * wide} ${unit * high}`,
      tabindex: 0,
      role: "slider",
      "aria-label": phrase("guide.curves.x-along-the-curve"),
      "aria-valuemin": -4,
      "aria-valuemax": 4,
    },
    grid,
    tangent,
    path,
    drop,
    point,
  );
  const buttons = Object.entries(ABOUT).map(([key, [text]]) => button(text, () => choose(key)));

  /** @type {(key: string) => void} */
  function choose(key) {
    name = key;
    buttons.forEach((one, index) => one.setAttribute("aria-pressed", String(Object.keys(ABOUT)[index] === key)));
    const points = Array.from({ length: 161 }, (_, step) => step / 20 - 4).map((a) => at(a, ACTIVATIONS[key].of(a)));
    set(path, { d: `M${points.join(" L")}` });
    about.textContent = ABOUT[key][2];
    move(x);
  }

  /** @type {(next: number) => void} */
  function move(next) {
    x = Math.round(20 * Math.max(-4, Math.min(4, next))) / 20 || 0;
    const [y, slope] = [ACTIVATIONS[name].of(x), ACTIVATIONS[name].slope(x)];
    const reach = 1.5 / Math.hypot(1, slope);
    const [[x1, y1], [x2, y2]] = [at(x - reach, y - reach * slope), at(x + reach, y + reach * slope)];
    set(tangent, { x1, y1, x2, y2 });
    set(point, { cx: at(x, y)[0], cy: at(x, y)[1] });
    set(drop, { d: `M${at(x, 0)} L${at(x, y)} L${at(0, y)}` });
    set(plot, {
      "aria-valuenow": x,
      "aria-valuetext": phrase(
        "guide.curves.x-slope",
        { x: written(x), name: ABOUT[name][0], y: written(y), slope: written(slope) },
      ),
    });
    line.replaceChildren(
      h("p", {}, `${ABOUT[name][0]}(${written(x)}) = ${ABOUT[name][1](x)} = `, h("strong", {}, written(y))),
      h("p", {}, phrases("guide.curves.slope", { slope: h("strong", {}, written(slope)) })),
    );
  }

  /** @type {(event: PointerEvent) => void} */
  const touch = (event) => {
    const box = plot.getBoundingClientRect();
    move(((event.clientX - box.left) / box.width) * wide - left);
  };
  plot.onpointerdown = (event) => {
    plot.setPointerCapture(event.pointerId);
    touch(event);
  };
  plot.onpointermove = (event) => event.buttons && touch(event);
  plot.onkeydown = (event) => {
    const step = {
      ArrowLeft: -0.05,
      ArrowDown: -0.05,
      ArrowRight: 0.05,
      ArrowUp: 0.05,
      PageDown: -1,
      PageUp: 1,
      Home: -8,
      End: 8,
    }[event.key];
    if (!step) return;
    event.preventDefault();
    move(x + step);
  };
  choose(name);
  return chapter(
    "guide-activations",
    phrase("guide.activations.words"),
    phrase("guide.activations.try"),
    [
      h("div", { class: "controls", role: "group", "aria-label": phrase("guide.curves.activation") }, buttons),
      h("div", { class: "row" }, plot, h("div", { class: "beside" }, line, about)),
      saveButtons(phrase("guide.curves.activation"), () => plot),
    ],
    seenIn(context, ["relu", "leakyrelu", "sigmoid", "tanh"]),
  );
}

/** @type {(context: Context) => HTMLElement} */
export function chapterSoftmax(context) {
  const scores = [2, 1, 0, -1];
  const line = sums();
  const body = h("tbody");
  const sliders = scores.map((value, index) =>
    slider({
      label: phrase("guide.curves.score", { index }),
      min: -5,
      max: 5,
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
    const powers = scores.map(Math.exp);
    const sum = powers.reduce((all, power) => all + power, 0);
    body.replaceChildren(
      ...shares.map((share, index) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, index),
          h("td", {}, `exp(${written(scores[index])}) = ${fixed(powers[index])}`),
          h("td", { class: "roomy" }, `/ ${fixed(sum)} =`),
          h("td", {}, h("strong", {}, share.toFixed(4))),
          h("td", { class: "bar" }, h("span", { style: { width: `${100 * share}%` } })),
        ),
      ),
    );
    line.replaceChildren(
      sumLine(phrase("guide.curves.sum-of-the-exponentials", { value: powers.map(fixed).join(" + ") }), fixed(sum)),
      sumLine(
        phrase("guide.curves.sum-of-the-shares", { value: shares.map((share) => share.toFixed(4)).join(" + ") }),
        "1",
      ),
    );
  }

  draw();
  return chapter(
    "guide-softmax",
    phrase("guide.softmax.words"),
    phrase("guide.softmax.try"),
    [
      h("div", { class: "controls grid" }, sliders),
      h(
        "div",
        { class: "scroll" },
        h("table", { class: "shares" }, h("caption", {}, phrase("guide.curves.share-exponential-sum-of")), body),
      ),
      line,
    ],
    seenIn(context, ["softmax"]),
  );
}

/**
 * Three decimals, for numbers that stand in a column.
 * @type {(value: number) => string}
 */
const fixed = (value) => value.toFixed(3);
