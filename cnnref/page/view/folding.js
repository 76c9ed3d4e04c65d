// Which columns the network is drawn with: a layer each, and in long networks a block or a stage; and where they stand.
/**
 * @import { GraphNode } from "../engine/onnx.js"
 * @typedef {{ name: string, nodes: GraphNode[], level?: number }} Group
 * @typedef {{ name: string, nodes: GraphNode[], folded: boolean, key?: string }} Item a column to draw
 * @typedef {Item & { inputs: number[], column: number, lane: number }} Placed
 */

import { narrow } from "./elements.js";
import { hasWindow } from "./facts.js";
import { state } from "./state.js";
import { FUNCTIONS } from "../engine/elementwise.js";
import { phrase } from "../texts/texts.js";

const FOLD_OVER = 24; // networks with more layers are folded
const BLOCKS_UP_TO = { wide: 18, tall: 14 }; // so many columns are shown block by block; more are folded into stages
const SPLIT_OVER = 14; // stages with more layers unfold into blocks first

/**
 * Neighbours of one place, by the places that page.py found. An activation alone belongs to what it follows.
 * @type {(nodes: GraphNode[], places: Record<string, string[]>, level?: number) => Group[]}
 */
function grouped(nodes, places, level = 0) {
  /** @type {Group[]} */
  const groups = [];
  for (const node of nodes) {
    const name = places[node.name]?.[level] ?? node.name;
    const last = groups.at(-1);
    const ends = level === 1 && last && last.nodes.length > 1 && node.op in FUNCTIONS && node === nodes.at(-1);
    if (last && (last.name === name || ends)) last.nodes.push(node);
    else groups.push({ name, nodes: [node] });
  }
  return groups;
}

/** The groups that are open before the reader opens any: all stages, where their blocks fit beside each other. */
export function openAtFirst() {
  const nodes = partsOfNetwork().rest;
  const stages = grouped(nodes, state.facts.places).filter((stage) => stage.nodes.length > 1);
  const open = new Set(stages.map((stage) => `0:${stage.nodes[0].name}`));
  return nodes.length > FOLD_OVER && itemsOf(open, 0).length <= (narrow.matches ? BLOCKS_UP_TO.tall : BLOCKS_UP_TO.wide) ? open : new Set();
}

/** The layers that prepare the picture, and the others. */
function partsOfNetwork() {
  const { nodes } = state.graph;
  const head = nodes.findIndex((node) => hasWindow(node) || node.op === "Gemm" || node.op === "MatMul");
  const prepared = nodes.slice(0, Math.max(0, head));
  return { prepared, rest: nodes.slice(prepared.length) };
}

/**
 * The columns: layers, and groups that are folded. `open` has the names of those that are not; a stage with more
 * than `split` layers opens into its blocks.
 * @type {(open: Set<string>, split?: number) => Item[]}
 */
export function itemsOf(open, split = SPLIT_OVER) {
  const { prepared, rest } = partsOfNetwork();
  const first =
    prepared.length > 1
      ? unfolded({ name: phrase("folding.preprocessing"), nodes: prepared, level: 2 }, open, split)
      : prepared.map(single);
  if (rest.length <= FOLD_OVER) return [...first, ...rest.map(single)];
  const groups = grouped(rest, state.facts.places);
  return [...first, ...groups.flatMap((group) => unfolded({ ...group, level: 0 }, open, split))];
}

/** @type {(node: GraphNode) => Item} */
const single = (node) => ({ name: node.name, nodes: [node], folded: false });

/** @type {(group: Group & { level: number }, open: Set<string>, split: number) => Item[]} */
function unfolded(group, open, split) {
  if (group.nodes.length === 1) return [single(group.nodes[0])];
  const key = `${group.level}:${group.nodes[0].name}`;
  if (!open.has(key)) return [{ ...group, key, folded: true }];
  const blocks = grouped(group.nodes, state.facts.places, group.level + 1);
  const inBlocks = group.level === 0 && group.nodes.length > split && blocks.length > 1;
  return inBlocks
    ? blocks.flatMap((block) => unfolded({ ...block, level: 1 }, open, split))
    : group.nodes.map(single);
}

/**
 * Give each item its inputs (places in the list), its column (the longest way to it) and its lane.
 * @type {(items: Item[]) => Placed[]}
 */
export function laidOut(items) {
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
 * Whether a folded item adds two of its results: it has a short cut within.
 * @type {(item: Item) => boolean}
 */
export const hasSkip = (item) =>
  item.folded &&
  item.nodes.some(
    ({ op, inputs }) =>
      ["Add", "Sum"].includes(op) && inputs.filter((name) => state.tensors.has(name)).length > 1,
  );
