// One number, all the way: the values it was computed from, each product, the sum, and what becomes of it.
/**
 * @import { Explanation } from "../engine/contributions.js"
 * @import { GraphNode } from "../engine/onnx.js"
 * @import { Tensor } from "../engine/tensors.js"
 */

import { CONTRIBUTIONS } from "./contributions.js";
import { button, darkMode, exact, h, keepingFocus, limitOf, short } from "./elements.js";
import { heatMap, paintPicture } from "./numbers.js";
import { showField } from "./picture.js";
import { lookAt, lookAtValue, on, placeName, state } from "./state.js";
import { buildTrail } from "./trail.js";
import { cellOfPlace, mapOf, mapsOf, placeOfCell } from "../engine/axes.js";
import { explainValue } from "../engine/contributions.js";
import { FUNCTIONS, PAIRS } from "../engine/elementwise.js";
import { phrase } from "../texts/texts.js";

export function buildValue() {
  const parts = h("div", {});
  const spoken = h("p", { class: "hidden", role: "status" });
  const element = h(
    "section",
    { id: "value" },
    h("h2", {}, phrase("value.one-number-all-the")),
    buildTrail(),
    parts,
    spoken,
  );
  /** @type {number | null} */
  let chosenGroup = null;
  /** @type {GraphNode | null} */
  let drawn = null;
  function draw() {
    const { node } = state;
    if (!node) return;
    const tensor = state.tensors.get(node.output);
    element.hidden = !tensor;
    if (!tensor) return;
    const told = explainValue(state.graph, node, state.tensors, state.at);
    spoken.textContent = `${placeName(node.output, state.at)}: ${short(told.value)}`;
    keepingFocus(element, () =>
      parts.replaceChildren(
        ...valueParts(node, tensor, told, chosenGroup, (group) => {
          chosenGroup = group;
          draw();
          element.querySelector("select")?.focus();
        }),
      ),
    );
  }
  on("value", () => {
    if (state.node !== drawn) chosenGroup = null; // another value of the same layer keeps the channel
    drawn = state.node;
    draw();
  });
  on("run", draw);
  darkMode.addEventListener("change", draw);
  return element;
}

/** @type {(node: GraphNode, tensor: Tensor, told: Explanation, chosenGroup: number | null, choose: (group: number) => void) => HTMLElement[]} */
function valueParts(node, tensor, told, chosenGroup, choose) {
  const { at } = state;
  return [
    h(
      "p",
      { class: "the-value" },
      `${node.name}, ${placeName(node.output, at)}: `,
      h("data", { id: "shown-value", value: told.value }, exact(told.value)),
    ),
    h(
      "div",
      { class: "row" },
      h("div", { class: "where" }, map(node, tensor), seen()),
      h(
        "div",
        { class: "made" },
        h("div", { id: "made-of" }, ...CONTRIBUTIONS[told.kind](told, chosenGroup, choose)),
        becomes(node, tensor, at),
      ),
    ),
  ];
}

/**
 * The map that the value is in, to choose another one with a click or the arrow keys.
 * @type {(node: GraphNode, tensor: Tensor) => HTMLElement | null}
 */
function map(node, tensor) {
  if (tensor.shape.length !== 4) return null;
  const { rows, columns } = mapsOf(tensor);
  const [channel, within] = cellOfPlace(tensor, state.at);
  return heatMap({
    values: mapOf(tensor, channel),
    rows,
    columns,
    limit: limitOf(tensor),
    name: phrase("value.map-of", { channel, name: node.name }),
    chosen: [Math.floor(within / columns), within % columns],
    onPick: (row, column) => lookAtValue(node.output, placeOfCell(tensor, channel, row * columns + column)),
  });
}

/** The picture, and in a frame what of it the value sees. */
export function seen() {
  const [rows, columns, channels] = state.facts.shape;
  const canvas = h("canvas", { role: "img", "aria-label": phrase("value.what-the-value-sees") });
  const field = h("div", { class: "field" });
  const note = h("figcaption", {});
  paintPicture(canvas, state.picture.values, rows, columns, channels);
  showField(field, note);
  return h(
    "figure",
    { class: "heat small" },
    h("div", { class: "stage", style: { "--rows": rows, "--columns": columns } }, canvas, field),
    note,
  );
}

/**
 * The same place in the layers behind that treat every value by itself.
 * @type {(node: GraphNode, tensor: Tensor, at: number) => HTMLElement | null}
 */
function becomes(node, tensor, at) {
  const behind = state.graph.nodes.filter((one) => one.inputs.includes(node.output));
  const told = behind.map((one) => {
    const next = state.tensors.get(one.output);
    const same = next?.data.length === tensor.data.length && keepsPlaces(one);
    const step = same
      ? button(`${one.name}: ${exact(next.data[at])}`, () => lookAtValue(one.output, at))
      : button(one.name, () => lookAt(one));
    return h("li", {}, step);
  });
  return told.length ? h("div", {}, h("h3", {}, phrase("value.what-becomes-of-it")), h("ul", { class: "links" }, told)) : null;
}

/**
 * Whether every value of a node's output comes from the value at the same place of its input.
 * @type {(node: GraphNode) => boolean}
 */
const keepsPlaces = ({ op }) =>
  op in FUNCTIONS || op in PAIRS || ["Clip", "BatchNormalization", "Softmax", "Flatten"].includes(op);
