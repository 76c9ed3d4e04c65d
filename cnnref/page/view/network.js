// The network as a drawing: a card a layer or folded stage, from left to right, and curves for what flows between.
/**
 * @import { GraphNode } from "../engine/onnx.js"
 * @import { Tensor } from "../engine/tensors.js"
 * @typedef {{ name: string, nodes: GraphNode[], level?: number }} Group
 * @typedef {{ name: string, nodes: GraphNode[], folded: boolean, key?: string }} Item a card to draw
 * @typedef {Item & { inputs: number[], column: number, lane: number }} Placed
 */

import { button, by, colourOf, counted, darkMode, h, magnitude, set, svg } from "./elements.js";
import { hasWindow, kindOf } from "./facts.js";
import { arrowKeys, contextOf } from "./numbers.js";
import { lookAt, on, state } from "./state.js";

const CARD = { width: 92, height: 116, across: 112, down: 148, edge: 20 };
const FOLD_OVER = 24; // networks with more layers are folded into stages
const SPLIT_OVER = 14; // stages with more layers unfold into blocks first

/**
 * A tree: [{ name, nodes } or { name, nodes, parts }] in the order of the graph, by the places that page.py found.
 * @type {(nodes: GraphNode[], places: Record<string, string[]>, level?: number) => Group[]}
 */
function grouped(nodes, places, level = 0) {
  /** @type {Group[]} */
  const groups = [];
  for (const node of nodes) {
    const name = places[node.name]?.[level] ?? node.name;
    const last = groups.at(-1);
    if (last?.name === name) last.nodes.push(node);
    else groups.push({ name, nodes: [node] });
  }
  return groups;
}

/**
 * The items to draw: nodes, and groups that are folded. `open` has the names of those that are not.
 * @type {(open: Set<string>) => Item[]}
 */
function itemsOf(open) {
  const { nodes } = state.graph;
  const places = state.facts.places;
  const head = nodes.findIndex((node) => hasWindow(node) || node.op === "Gemm" || node.op === "MatMul");
  const prepared = nodes.slice(0, Math.max(0, head));
  const rest = nodes.slice(prepared.length);
  const first =
    prepared.length > 1 ? unfolded({ name: "preprocessing", nodes: prepared, level: 2 }, open) : prepared.map(single);
  if (rest.length <= FOLD_OVER) return [...first, ...rest.map(single)];
  return [...first, ...grouped(rest, places).flatMap((group) => unfolded({ ...group, level: 0 }, open))];
}

/** @type {(node: GraphNode) => Item} */
const single = (node) => ({ name: node.name, nodes: [node], folded: false });

/** @type {(group: Group & { level: number }, open: Set<string>) => Item[]} */
function unfolded(group, open) {
  if (group.nodes.length === 1) return [single(group.nodes[0])];
  const key = `${group.level}:${group.nodes[0].name}`;
  if (!open.has(key)) return [{ ...group, key, folded: true }];
  const blocks = grouped(group.nodes, state.facts.places, group.level + 1);
  const inBlocks = group.level === 0 && group.nodes.length > SPLIT_OVER && blocks.length > 1;
  return inBlocks ? blocks.flatMap((block) => unfolded({ ...block, level: 1 }, open)) : group.nodes.map(single);
}

/**
 * Give each item its inputs (places in the list), its column (the longest way to it) and its lane.
 * @type {(items: Item[]) => Placed[]}
 */
function laidOut(items) {
  /** @type {Map<string, number>} */
  const maker = new Map();
  items.forEach((item, index) => item.nodes.forEach((node) => node.outputs.forEach((name) => maker.set(name, index))));
  const taken = new Set();
  const led = new Set();
  /** @type {Placed[]} */
  const placed = [];
  items.forEach((item, index) => {
    const sources = item.nodes.flatMap((node) => node.inputs.map((name) => maker.get(name)));
    const inputs = [...new Set(sources)].filter((source) => source !== undefined).filter((source) => source !== index);
    const column = Math.max(-1, ...inputs.map((source) => placed[source].column)) + 1;
    const main = inputs.find((source) => placed[source].column === column - 1);
    let lane = main === undefined ? 0 : placed[main].lane + (led.has(main) ? 1 : 0);
    if (inputs.length > 1) lane = Math.min(...inputs.map((source) => placed[source].lane));
    while (taken.has(`${lane},${column}`)) lane += 1;
    taken.add(`${lane},${column}`);
    if (main !== undefined) led.add(main);
    placed.push({ ...item, inputs, column, lane });
  });
  return placed;
}

/**
 * The curve of an edge; one that passes over other cards of its lane goes above them.
 * @type {(from: Placed, to: Placed, items: Placed[]) => string}
 */
function curve(from, to, items) {
  const start = [from.column * CARD.across + CARD.width, from.lane * CARD.down + CARD.height / 2 + CARD.edge];
  const end = [to.column * CARD.across, to.lane * CARD.down + CARD.height / 2 + CARD.edge];
  const between = items.some((item) => item.lane === from.lane && item.column > from.column && item.column < to.column);
  if (between && from.lane === to.lane) {
    const above = from.lane * CARD.down + 6;
    const up = `C${[start[0] + 22, start[1]]} ${[start[0] + 4, above]} ${[start[0] + 30, above]}`;
    const down = `C${[end[0] - 4, above]} ${[end[0] - 22, end[1]]} ${end}`;
    return `M${start} ${up} L${[end[0] - 30, above]} ${down}`;
  }
  const middle = (start[0] + end[0]) / 2;
  return `M${start} C${[middle, start[1]]} ${[middle, end[1]]} ${end}`;
}

/**
 * Maps side by side in a small canvas: at most 16, one scale.
 * @type {(canvas: HTMLCanvasElement, tensor: Tensor) => void}
 */
function thumbnail(canvas, tensor) {
  const maps = tensor.shape.length === 4;
  const [rows, columns] = maps
    ? tensor.shape.slice(2)
    : [Math.min(16, tensor.data.length), Math.min(16, Math.ceil(tensor.data.length / 16))];
  const count = maps ? Math.min(16, tensor.shape[1]) : 1;
  mosaic(canvas, tensor.data, count, rows, columns, Math.ceil(Math.sqrt(count)), magnitude(tensor.data));
}

/**
 * Tiles of numbers in one canvas, with a line of nothing between them.
 * @type {(canvas: HTMLCanvasElement, values: Float32Array, count: number, rows: number, columns: number, across: number, limit: number) => void}
 */
function mosaic(canvas, values, count, rows, columns, across, limit) {
  const down = Math.ceil(count / across);
  const gap = count > 1 ? 1 : 0;
  canvas.width = across * (columns + gap) - gap;
  canvas.height = down * (rows + gap) - gap;
  const context = contextOf(canvas);
  const image = context.createImageData(canvas.width, canvas.height);
  for (let tile = 0; tile < count; tile++) {
    const left = (tile % across) * (columns + gap);
    const top = Math.floor(tile / across) * (rows + gap);
    for (let cell = 0; cell < rows * columns; cell++) {
      const value = values[tile * rows * columns + cell];
      if (value === undefined) continue;
      const at = 4 * ((top + Math.floor(cell / columns)) * canvas.width + left + (cell % columns));
      image.data.set(colourOf(value, limit), at);
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

export function buildNetwork() {
  const open = new Set();
  const strip = h("div", {
    class: "strip",
    role: "group",
    "aria-label": "Layers, from the picture to the probabilities",
  });
  const folds = h("div", { class: "controls" });
  const element = h(
    "section",
    { id: "network" },
    h("h2", {}, "The network"),
    h(
      "p",
      {},
      "Drawn from the file, from left to right; every card shows what its layer makes of your picture. ",
      "Choose one to see its kernels, its maps and its numbers.",
    ),
    folds,
    h(
      "div",
      { class: "scroll strip-scroll", tabindex: 0, role: "region", "aria-label": "Drawing of the network" },
      strip,
    ),
  );

  function draw() {
    const items = laidOut(itemsOf(open));
    const columns = Math.max(...items.map((item) => item.column)) + 1;
    const lanes = Math.max(...items.map((item) => item.lane)) + 1;
    const size = [columns * CARD.across, lanes * CARD.down + CARD.edge];
    const edges = items.flatMap((item) =>
      item.inputs.map((source) => svg("path", { d: curve(items[source], item, items) })),
    );
    const cards = items.map((item) =>
      card(item, () => {
        if (item.key) open.add(item.key);
        draw();
        const first = strip.querySelector(`[data-node="${CSS.escape(item.nodes[0].name)}"]`);
        /** @type {HTMLElement | null} */ (first)?.focus();
      }),
    );
    set(strip, { style: { width: `${size[0]}px`, height: `${size[1]}px` } });
    strip.replaceChildren(svg("svg", { width: size[0], height: size[1], "aria-hidden": "true" }, edges), ...cards);
    arrowKeys(strip, () => [...strip.querySelectorAll("button")], 1e9);
    folds.replaceChildren(
      ...(open.size
        ? [
            button("Fold the stages again", () => {
              open.clear();
              draw();
            }),
          ]
        : []),
    );
    mark();
  }

  function mark() {
    for (const one of strip.querySelectorAll("button")) {
      const here = state.node && one.dataset.nodes?.split(" ").includes(state.node.name);
      one.setAttribute("aria-current", here ? "true" : "false");
    }
  }

  on("run", draw);
  on("node", mark);
  darkMode.addEventListener("change", draw);
  return element;
}

/** @type {(item: Placed, unfold: () => void) => HTMLButtonElement} */
export function card(item, unfold) {
  const last = item.nodes[item.nodes.length - 1];
  const tensor = state.tensors.get(last.output);
  const canvas = h("canvas", { "aria-hidden": "true" });
  if (tensor) thumbnail(canvas, tensor);
  const size = tensor ? by(tensor.shape.slice(1)) : "not computed here";
  const kind = item.folded ? counted(item.nodes.length, "layer") : kindOf(last);
  const place = { left: `${item.column * CARD.across}px`, top: `${item.lane * CARD.down + CARD.edge}px` };
  return h(
    "button",
    {
      type: "button",
      class: item.folded ? "card folded" : "card",
      style: place,
      id: item.folded ? null : `card-${last.name}`,
      title: `${item.name}: ${kind}, ${size}`,
      "aria-expanded": item.folded ? "false" : null,
      "data-node": item.nodes[0].name,
      "data-nodes": item.nodes.map((node) => node.name).join(" "),
      onclick: item.folded ? unfold : () => lookAt(last),
    },
    h("span", { class: "card-name" }, h("bdi", {}, item.name)), // the style cuts a long one at its beginning
    canvas,
    h("span", { class: "card-kind" }, kind),
    h("span", { class: "card-kind" }, size),
  );
}
