// From which maps one map is made, and how: for a convolution, what each input channel brings to it.
/**
 * @import { GraphNode } from "../engine/onnx.js"
 * @import { Tensor } from "../engine/tensors.js"
 * @import { Window } from "../engine/windows.js"
 * @typedef {{ values: Float32Array, rows: number, columns: number, limit: number }} Plane numbers to paint
 * @typedef {object} Part a map that is read
 * @property {string} name
 * @property {Plane} input
 * @property {Plane | null} kernel
 * @property {Float32Array | null} partial what it brings to each place of the result
 * @typedef {object} Making
 * @property {Part[]} parts
 * @property {{ count: number, partial: Float32Array } | null} rest the channels that are not shown, together
 * @property {"window" | "cell" | "whole" | "moved"} reads what of a part a value is made from
 * @property {Window | null} window
 * @property {Plane} result
 * @property {number | null} bias
 * @property {{ node: GraphNode, plane: Plane } | null} after the activation behind it
 */

import { limitOf, magnitude } from "./elements.js";
import { makerOf, state, tensorNamed } from "./state.js";
import { cellOfPlace, mapOf, mapsOf } from "../engine/axes.js";
import { explainValue } from "../engine/contributions.js";
import { FUNCTIONS, PAIRS } from "../engine/elementwise.js";
import { OPERATORS } from "../engine/operators.js";
import { sizeOf, tensorOf, total } from "../engine/tensors.js";
import { windowOf } from "../engine/windows.js";
import { phrase } from "../texts/texts.js";

/**
 * A map of a result, in the scale of all its maps.
 * @type {(tensor: Tensor, channel: number) => Plane}
 */
const planeOf = (tensor, channel) => ({
  values: mapOf(tensor, channel),
  rows: mapsOf(tensor).rows,
  columns: mapsOf(tensor).columns,
  limit: limitOf(tensor),
});

/** @type {(name: string, channel: number) => Part} */
function plainPart(name, channel) {
  const tensor = /** @type {Tensor} */ (state.tensors.get(name));
  return {
    name: phrase("making.map", { name, channel }),
    input: planeOf(tensor, channel),
    kernel: null,
    partial: null,
  };
}

/**
 * How the map `channel` of a layer is made; of more than `most` channels that are read, the strongest are shown. Null
 * where there are no maps to show.
 * @type {(node: GraphNode, channel: number, most: number) => Making | null}
 */
export function makingOf(node, channel, most) {
  const tensor = state.tensors.get(node.output);
  const x = state.tensors.get(node.inputs[0]);
  if (!tensor) return null;
  if (tensor.shape.length !== 4) return denseMaking(node, channel, most);
  const result = planeOf(tensor, channel);
  const plain = { rest: null, window: null, result, bias: null, after: activationOf(node, channel) };
  const maps = x?.shape.length === 4;
  if (node.op === "Conv" && maps) return { ...plain, ...convolution(node, x, channel, most) };
  if ((node.op === "MaxPool" || node.op === "AveragePool") && maps)
    return { ...plain, parts: [plainPart(node.inputs[0], channel)], reads: "window", window: windowOf(node.attributes, x.shape) };
  if (node.op.startsWith("Global") && maps)
    return { ...plain, parts: [plainPart(node.inputs[0], channel)], reads: "whole" };
  const joined = node.op in PAIRS || node.op === "Sum";
  const given = node.inputs.filter((name) => state.tensors.get(name)?.shape.length === 4);
  if (joined && given.length) {
    const parts = given.map((name) => plainPart(name, mapsOf(tensorNamed(name)).count === 1 ? 0 : channel));
    return { ...plain, parts, reads: "cell" };
  }
  if (node.op in FUNCTIONS || ["Clip", "BatchNormalization", "LRN"].includes(node.op))
    return { ...plain, parts: [plainPart(node.inputs[0], channel)], reads: "cell" };
  const told = explainValue(state.graph, node, state.tensors, state.at);
  const source = told.from === undefined || !told.tensor ? undefined : state.tensors.get(told.tensor);
  if (source?.shape.length !== 4) return null;
  return { ...plain, parts: [plainPart(told.tensor, cellOfPlace(source, told.from)[0])], reads: "moved" };
}

/**
 * The activation that comes right behind a layer, and the same map of it.
 * @type {(node: GraphNode, channel: number) => Making["after"]}
 */
function activationOf(node, channel) {
  const behind = state.graph.nodes.filter((one) => one.inputs.includes(node.output));
  const next = behind.length === 1 ? behind[0] : null;
  const tensor = next && state.tensors.get(next.output);
  if (!next || !tensor || !(next.op in FUNCTIONS || next.op === "Clip")) return null;
  if (tensor.shape.length === 4) return { node: next, plane: planeOf(tensor, channel) };
  const values = tensor.data.subarray(channel, channel + 1);
  return { node: next, plane: { values, rows: 1, columns: 1, limit: limitOf(tensor) } };
}

/**
 * What each input channel brings: the real convolution, with its slice of the kernel alone.
 * @type {(node: GraphNode, x: Tensor, filter: number, most: number) => Pick<Making, "parts" | "rest" | "reads" | "window" | "bias">}
 */
function convolution(node, x, filter, most) {
  const [weights, biases] = node.inputs.slice(1).map((name) => state.graph.constants.get(name) ?? state.tensors.get(name));
  const [filters, depth, high, wide] = /** @type {Tensor} */ (weights).shape;
  const area = high * wide;
  const all = /** @type {Tensor} */ (weights).data;
  const firstRead = Math.floor(filter / (filters / (x.shape[1] / depth))) * depth;
  const attributes = { ...node.attributes, group: 1 };
  const kernels = all.subarray(filter * depth * area, (filter + 1) * depth * area);
  const limit = magnitude(kernels);
  const parts = Array.from({ length: depth }, (_, layer) => {
    const input = planeOf(x, firstRead + layer);
    const kernel = kernels.subarray(layer * area, (layer + 1) * area);
    const given = [tensorOf([1, 1, input.rows, input.columns], input.values), tensorOf([1, 1, high, wide], kernel)];
    return {
      name: phrase("making.map", { name: node.inputs[0], channel: firstRead + layer }),
      input,
      kernel: { values: kernel, rows: high, columns: wide, limit },
      partial: OPERATORS.Conv(given, attributes).data,
    };
  });
  return {
    ...strongest(parts, most),
    reads: "window",
    window: windowOf(attributes, x.shape, [high, wide]),
    bias: biases ? biases.data[filter] : 0,
  };
}

/**
 * The parts that count most, in their order, and the others together.
 * @type {(parts: Part[], most: number) => Pick<Making, "parts" | "rest">}
 */
function strongest(parts, most) {
  if (parts.length <= most) return { parts, rest: null };
  const sizes = parts.map(({ partial }) => (partial ?? new Float32Array()).reduce((sum, one) => sum + Math.abs(one), 0));
  const kept = parts.map((_, index) => index).sort((a, b) => sizes[b] - sizes[a]).slice(0, most - 1);
  const shown = new Set(kept);
  const others = parts.filter((_, index) => !shown.has(index));
  const partial = new Float32Array(others[0].partial?.length ?? 0);
  for (const other of others) other.partial?.forEach((value, at) => (partial[at] += value));
  return { parts: parts.filter((_, index) => shown.has(index)), rest: { count: others.length, partial } };
}

/**
 * A number of a dense layer behind flattened maps: every map times its weights.
 * @type {(node: GraphNode, output: number, most: number) => Making | null}
 */
function denseMaking(node, output, most) {
  const told = ["Gemm", "MatMul"].includes(node.op) ? explainValue(state.graph, node, state.tensors, output) : null;
  const flat = makerOf(node.inputs[0]);
  const x = flat?.op === "Flatten" ? state.tensors.get(flat.inputs[0]) : null;
  if (!told || x?.shape.length !== 4 || x.last) return null;
  const area = sizeOf(x.shape.slice(2));
  if (area === 1) return null;
  const cells = told.groups[0].cells;
  const weights = Float32Array.from(cells, (/** @type {any} */ cell) => cell.weight);
  const products = Float32Array.from(cells, (/** @type {any} */ cell) => cell.product);
  const limit = magnitude(weights);
  const parts = Array.from({ length: x.shape[1] }, (_, channel) => {
    const input = planeOf(x, channel);
    const slice = [channel * area, (channel + 1) * area];
    return {
      name: phrase("making.map", { name: flat?.inputs[0], channel }),
      input,
      kernel: { ...input, values: weights.subarray(slice[0], slice[1]), limit },
      partial: Float32Array.of(total(products.subarray(slice[0], slice[1]))),
    };
  });
  const values = Float32Array.of(told.value);
  return {
    ...strongest(parts, most),
    reads: "whole",
    window: null,
    result: { values, rows: 1, columns: 1, limit: magnitude(values) },
    bias: told.bias,
    after: activationOf(node, output),
  };
}
