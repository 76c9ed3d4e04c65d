// The way from the answer down to the pixel: what the reader has followed, and where it goes on most strongly.
/** @typedef {[string, number]} Step a value: the name of its tensor, and its place in the data */

import { button, h, short } from "./elements.js";
import { labelOf, lookAtValue, makerOf, on, placeName, probabilities, state, tensorNamed } from "./state.js";
import { cellOfPlace, mapsOf } from "../engine/axes.js";
import { explainValue, strongestSource } from "../engine/contributions.js";
import { FUNCTIONS } from "../engine/elementwise.js";
import { MOVES } from "../engine/moving.js";
import { placeOf } from "../engine/tensors.js";
import { phrase } from "../texts/texts.js";

const AHEAD = 4; // so many steps are shown before the last one

/** @type {(one: Step, other: Step) => boolean} */
const sameStep = (one, other) => one[0] === other[0] && one[1] === other[1];

/**
 * Where a value comes from most of all; null at the picture.
 * @type {(step: Step) => Step | null}
 */
function stepDown([tensor, at]) {
  const node = makerOf(tensor);
  if (!node) return null;
  return strongestSource(explainValue(state.graph, node, state.tensors, at), (name) => state.tensors.has(name));
}

/**
 * Whether a value was computed from another one, directly.
 * @type {(step: Step, source: Step) => boolean}
 */
function isMadeFrom([tensor, at], [source, from]) {
  const node = makerOf(tensor);
  if (!node?.inputs.includes(source) || !state.tensors.has(tensor)) return false;
  const told = explainValue(state.graph, node, state.tensors, at);
  /** @type {{ from: number | null, tensor?: string }[]} */
  const read = told.groups?.flatMap((/** @type {any} */ group) => group.cells) ?? told.parts ?? [told];
  return read.some((one) => one.from === from && (one.tensor ?? told.tensor) === source);
}

/**
 * Whether a step says little: nothing is added up where a value only moves or goes through a curve.
 * @type {(step: Step) => boolean}
 */
function isQuiet([tensor]) {
  const node = makerOf(tensor);
  if (!node) return false;
  const alone = node.inputs.filter((name) => state.tensors.has(name)).length < 2;
  return node.op in FUNCTIONS || MOVES.has(node.op) || (alone && ["Add", "Mul", "Sub", "Div", "Clip"].includes(node.op));
}

/** @type {(step: Step) => string} */
function nameOf([tensor, at]) {
  const { shape } = tensorNamed(tensor);
  const node = makerOf(tensor);
  if (!node) return phrase("trail.pixel", { place: placeName(tensor, at), data: short(tensorNamed(tensor).data[at]) });
  const place = placeOf(shape, at);
  if (shape.length === 4) {
    const [channel, cell] = cellOfPlace(tensorNamed(tensor), at);
    const { columns } = mapsOf(tensorNamed(tensor));
    return phrase("trail.map", { name: node.name, channel, cell: Math.floor(cell / columns), cell2: cell % columns });
  }
  const last = tensor === state.graph.output || at < state.facts.labels.length;
  const classes = shape.length === 2 && shape[1] === state.facts.labels.length;
  return `${node.name} · ${classes && last ? labelOf(at) : place.slice(1).join(", ")}`;
}

export function buildTrail() {
  const list = h("ol", { class: "trail" });
  /** @type {Step[]} */
  let walked = [];

  /** @type {(step: Step, kind: string) => HTMLElement} */
  const crumb = (step, kind) => {
    const text = nameOf(step);
    if (!makerOf(step[0])) return h("li", { class: kind }, text);
    const value = `${placeName(...step)}: ${short(tensorNamed(step[0]).data[step[1]])}`;
    const current = kind === "here" ? "step" : null;
    return h("li", { class: kind }, button(text, () => lookAtValue(...step), { title: value, "aria-current": current }));
  };

  function draw() {
    const { node, at, graph } = state;
    const told = node && state.tensors.get(node.output);
    const found = probabilities();
    const inside = list.contains(document.activeElement);
    list.replaceChildren();
    if (!node || !told) return;
    /** @type {Step} */
    const here = [node.output, at];
    const before = walked.findIndex((step) => sameStep(step, here));
    const last = walked.at(-1);
    if (before >= 0) walked = walked.slice(0, before + 1);
    else if (last && isMadeFrom(last, here)) walked.push(here);
    else walked = [here];
    /** @type {Step[]} */
    const ahead = [];
    for (let next = stepDown(here); next; next = stepDown(next)) ahead.push(next);
    const loud = ahead.filter((step, index) => index === ahead.length - 1 || !isQuiet(step));
    const shown = loud.length <= AHEAD + 2 ? loud : [...loud.slice(0, AHEAD), loud[loud.length - 1]];
    const best = found ? found.indexOf(Math.max(...found)) : -1;
    const fromAnswer = walked[0][0] !== graph.output && best >= 0 && tensorNamed(graph.output).data.length > best;
    list.append(
      ...(fromAnswer ? [crumb([graph.output, best], "answer")] : []),
      ...walked.slice(0, -1).filter((step) => !isQuiet(step)).map((step) => crumb(step, "walked")),
      crumb(here, "here"),
      ...shown.flatMap((step, index) => {
        const one = crumb(step, "ahead");
        one.addEventListener("click", () => (walked = [...walked, ...ahead.slice(0, ahead.indexOf(step) + 1)]), true);
        const left = loud.length - shown.length;
        return left && index === AHEAD ? [h("li", { class: "ahead" }, phrase("trail.more", { left })), one] : [one];
      }),
    );
    if (inside) /** @type {HTMLElement | null} */ (list.querySelector("[aria-current]"))?.focus({ preventScroll: true });
  }

  on("value", draw);
  on("run", draw);
  return h(
    "nav",
    { "aria-label": phrase("trail.from-the-answer-to") },
    h("p", { class: "note" }, phrase("trail.from-the-answer-down")),
    list,
  );
}
