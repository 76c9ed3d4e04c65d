// One layer: what it is, its weights, and the maps that it makes of the picture.
/**
 * @import { GraphNode } from "../engine/onnx.js"
 * @import { Tensor } from "../engine/tensors.js"
 */

import { button, by, darkMode, h, keepingFocus, limitOf, magnitude } from "./elements.js";
import { factsOf, kindOf } from "./facts.js";
import { arrowKeys, heatMap, numberTable, paint, scaleOf } from "./numbers.js";
import { lookAt, lookAtValue, makerOf, on, state } from "./state.js";
import { mapOf, mapsOf } from "../engine/axes.js";
import { phrase } from "../texts/texts.js";

const MANY = 64; // so many maps or kernels are shown at once; the rest a page further

export function buildLayer() {
  const element = h("section", { id: "layer", "aria-live": "off" });
  const draw = () => {
    const { node } = state;
    if (node) keepingFocus(element, () => element.replaceChildren(...layerParts(node)));
  };
  on("node", draw);
  on("run", draw);
  darkMode.addEventListener("change", draw);
  return element;
}

/** @type {(node: GraphNode) => HTMLElement[]} */
function layerParts(node) {
  const facts = factsOf(node).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)));
  const tensor = state.tensors.get(node.output);
  return [
    h(
      "div",
      { class: "layer-head" },
      h("h2", { id: `layer-${node.name}`, tabindex: -1 }, `${node.name}: ${kindOf(node)}`),
      neighbours(node),
    ),
    state.missing.has(node.name) ? h("p", { class: "wrong" }, notComputed(node)) : null,
    h(
      "div",
      { class: "row" },
      h(
        "div",
        { class: "half" },
        h("h3", {}, phrase("layer.what-it-is")),
        h("div", { class: "scroll" }, h("table", { class: "facts" }, h("tbody", {}, facts))),
        weightsOf(node),
      ),
      tensor ? h("div", { class: "half" }, results(node, tensor)) : null,
    ),
  ].filter((one) => one !== null);
}

/** @type {(node: GraphNode) => string} */
function notComputed(node) {
  const there = state.facts.stored.some((one) => one.name === node.output);
  const why = state.missing.get(node.name) ?? "";
  return there ? `${why} ${phrase("layer.maps-stored")}` : why;
}

/**
 * Buttons to the layer before and the layer after.
 * @type {(node: GraphNode) => HTMLElement}
 */
function neighbours(node) {
  const { nodes } = state.graph;
  const at = nodes.indexOf(node);
  /** @type {(to: number, text: string) => HTMLElement} */
  const step = (to, text) =>
    button(text, () => lookAt(nodes[to]), {
      disabled: !nodes[to],
      "aria-label": `${text}: ${nodes[to]?.name ?? phrase("layer.none")}`,
    });
  return h("div", { class: "controls" }, step(at - 1, phrase("layer.before")), step(at + 1, phrase("layer.after")));
}

/** @type {(node: GraphNode, tensor: Tensor) => HTMLElement} */
export function results(node, tensor) {
  const { count, rows, columns } = mapsOf(tensor);
  if (tensor.shape.length === 4)
    return h(
      "div",
      {},
      h("h3", {}, phrase("layer.its-maps")),
      tiles({
        what: "map",
        count,
        chosen: state.channel,
        paintTile: (canvas, index) =>
          paint(canvas, mapOf(tensor, index), rows, columns, { limit: limitOf(tensor) }),
        pick: (index) => lookAt(node, index),
      }),
      scaleOf(limitOf(tensor)),
    );
  return h("div", {}, h("h3", {}, phrase("layer.its-numbers")), vector(node, tensor));
}

/**
 * Numbers without places, sixteen a line.
 * @type {(node: GraphNode, tensor: Tensor) => HTMLElement}
 */
function vector(node, tensor) {
  const shown = Array.from(tensor.data.slice(0, 1024));
  const lines = Array.from({ length: Math.ceil(shown.length / 16) }, (_, line) => {
    const part = shown.slice(16 * line, 16 * line + 16);
    return shown.length > 16 ? [...part, ...new Array(16 - part.length).fill(null)] : part;
  });
  const table = numberTable({
    values: lines,
    name: phrase("layer.sixteen-a-line", { count: tensor.data.length }),
    limit: limitOf(tensor),
    classOf: (row, column) => (16 * row + column === state.at ? "chosen" : ""),
    onPick: (row, column) => lookAtValue(node.output, 16 * row + column),
  });
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": phrase("layer.numbers-of", { name: node.name }) },
    table,
  );
}

/**
 * Buttons with a small canvas each, a page of them at a time.
 * @type {(options: { what: "map" | "kernel", count: number, chosen: number, paintTile: (canvas: HTMLCanvasElement, index: number) => void, pick: (index: number) => void }) => HTMLElement}
 */
function tiles({ what, count, chosen, paintTile, pick }) {
  let page = Math.floor(Math.max(0, chosen) / MANY);
  const grid = h("div", {
    class: what === "map" && count <= 16 ? "tiles large" : "tiles",
    role: "group",
    "aria-label": phrase(`layer.all:${what}`),
  });
  const pages = h("div", { class: "controls" });
  function draw() {
    const first = page * MANY;
    const shown = Array.from({ length: Math.min(MANY, count - first) }, (_, index) => first + index);
    grid.replaceChildren(
      ...shown.map((index) => {
        const canvas = h("canvas", { "aria-hidden": "true" });
        paintTile(canvas, index);
        const label = phrase(`layer.one:${what}`, { index });
        return h(
          "button",
          {
            type: "button",
            class: "tile",
            "aria-label": label,
            title: label,
            "aria-pressed": String(index === chosen),
            "data-index": index,
            onclick: () => pick(index),
          },
          canvas,
          h("span", {}, String(index)),
        );
      }),
    );
    arrowKeys(grid, () => [...grid.querySelectorAll("button")], 1e9);
    if (count <= MANY) return;
    /** @type {(step: number) => () => void} */
    const to = (step) => () => {
      page += step;
      draw();
    };
    pages.replaceChildren(
      button("←", to(-1), { disabled: page === 0, "aria-label": phrase(`layer.before:${what}`) }),
      phrase(`layer.shown:${what}`, { first, last: first + shown.length - 1, all: count }),
      button("→", to(1), { disabled: first + MANY >= count, "aria-label": phrase(`layer.after:${what}`) }),
    );
  }
  draw();
  return h("div", {}, grid, pages);
}

/**
 * The weights that make the chosen map or number.
 * @type {(node: GraphNode) => HTMLElement | null}
 */
function weightsOf(node) {
  const weights = state.graph.constants.get(node.inputs[1]);
  if (!weights?.real) return null;
  if (node.op === "Conv") return kernelsOf(node, weights);
  if (node.op === "Gemm" || node.op === "MatMul") return denseWeights(node, weights);
  return null;
}

/** @type {(node: GraphNode, weights: Tensor) => HTMLElement} */
function kernelsOf(node, weights) {
  const [filters, depth, rows, columns] = weights.shape;
  const area = rows * columns;
  const limit = magnitude(weights.data);
  /** @type {(filter: number, layer: number) => Float32Array} */
  const slice = (filter, layer) =>
    weights.data.subarray((filter * depth + layer) * area, (filter * depth + layer + 1) * area);
  const filter = Math.min(state.channel, filters - 1);
  const groups = node.attributes.group ?? 1;
  const firstRead = Math.floor(filter / (filters / groups)) * depth; // a grouped convolution reads its own channels
  const slices = tiles({
    what: "kernel",
    count: depth,
    chosen: -1,
    pick: (layer) => show(layer),
    paintTile: (canvas, layer) => paint(canvas, slice(filter, layer), rows, columns, { limit }),
  });
  const numbers = h("div", { class: "scroll" });
  /** @type {(layer: number) => void} */
  function show(layer) {
    const values = Array.from({ length: rows }, (_, row) =>
      Array.from(slice(filter, layer).slice(row * columns, (row + 1) * columns)),
    );
    numbers.replaceChildren(
      numberTable({
        values,
        limit,
        name: phrase("layer.kernel-of-map-slice", { filter, firstRead: firstRead + layer }),
      }),
    );
  }
  show(0);
  return h(
    "div",
    {},
    h("h3", {}, phrase("layer.the-kernel-of-map", { filter })),
    h("p", {}, phrase("layer.slices", { size: by([rows, columns]), count: depth })),
    slices,
    scaleOf(limit),
    numbers,
  );
}

/**
 * The weights of one number of a dense layer, laid out as the maps that were flattened, if there were any.
 * @type {(node: GraphNode, weights: Tensor) => HTMLElement}
 */
function denseWeights(node, weights) {
  const [inputs, outputs] = node.attributes.transB ? [...weights.shape].reverse() : weights.shape;
  const own = Float32Array.from(
    { length: inputs },
    (_, index) =>
      weights.data[node.attributes.transB ? state.channel * inputs + index : index * outputs + state.channel],
  );
  const flattened = makerOf(node.inputs[0]);
  const before = flattened?.op === "Flatten" ? state.tensors.get(flattened.inputs[0]) : null;
  const maps = before?.last ? null : before?.shape;
  const title = h("h3", {}, phrase("layer.the-weights-of-number", { channel: state.channel }));
  const limit = magnitude(own);
  if (maps?.length === 4 && maps[2] * maps[3] > 1) {
    const area = maps[2] * maps[3];
    /** @type {(canvas: HTMLCanvasElement, index: number) => void} */
    const tile = (canvas, index) =>
      paint(canvas, own.subarray(index * area, (index + 1) * area), maps[2], maps[3], { limit });
    const numbers = h("div", {});
    /** @type {(index: number) => void} */
    const show = (index) =>
      numbers.replaceChildren(
        heatMap({
          values: own.subarray(index * area, (index + 1) * area),
          rows: maps[2],
          columns: maps[3],
          limit,
          name: phrase("layer.weights-for-map", { index }),
        }),
      );
    const note = h(
      "p",
      {},
      phrase("layer.weight-for-each", { count: inputs, maps: maps[1] }),
    );
    show(0);
    return h(
      "div",
      {},
      title,
      note,
      tiles({ what: "map", count: maps[1], chosen: -1, paintTile: tile, pick: show }),
      numbers,
    );
  }
  const across = Math.min(32, inputs);
  const lines = Math.ceil(inputs / across);
  const filled = Float32Array.from({ length: lines * across }, (_, index) => own[index] ?? 0);
  return h(
    "div",
    {},
    title,
    heatMap({
      values: filled,
      rows: lines,
      columns: across,
      limit,
      name: phrase("layer.weights-a-line", { inputs, across }),
    }),
  );
}
