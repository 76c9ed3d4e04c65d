// Grad-CAM: which places of the last maps raise the score of a class (Selvaraju et al., 2017, section 3).
/**
 * @import { Graph, GraphNode } from "./onnx.js"
 * @import { Attributes, Tensor, Tensors } from "./tensors.js"
 * @typedef {(g: Float32Array, inputs: Tensor[], attributes: Attributes) => Float32Array | null} Backward
 */

import { FUNCTIONS, PAIRS, clipBounds } from "./elementwise.js";
import { eachPlace, sizeOf } from "./tensors.js";
import { paddedCount, windowCells, windowOf } from "./windows.js";

/**
 * From the gradient by a node's output to the gradient by its input: the chain rule, one function an operator.
 * @type {Record<string, Backward>}
 */
const BACKWARD = {
  Gemm: (g, [x, weights], { transB = 0, alpha = 1 }) => throughDense(g, x, weights, transB, alpha),
  MatMul: (g, [x, weights]) => throughDense(g, x, weights, 0, 1),
  GlobalAveragePool: (g, [x]) => {
    const area = sizeOf(x.shape.slice(2));
    return x.data.map((_, at) => g[Math.floor(at / area)] / area);
  },
  ReduceMean: (g, [x]) => {
    const area = x.data.length / g.length;
    return x.data.map((_, at) => g[Math.floor(at / area)] / area);
  },
  GlobalMaxPool: (g, [x]) => {
    const area = sizeOf(x.shape.slice(2));
    const back = new Float32Array(x.data.length);
    g.forEach((value, map) => {
      const maps = x.data.subarray(map * area, (map + 1) * area);
      back[map * area + maps.indexOf(Math.max(...maps))] = value;
    });
    return back;
  },
  MaxPool: (g, [x], attributes) => throughPool(g, x, attributes, true),
  AveragePool: (g, [x], attributes) => throughPool(g, x, attributes, false),
  /** On maps of one value a convolution with a 1 × 1 window is a dense layer. */
  Conv: (g, [x, weights], { group = 1 }) => {
    if (group !== 1 || sizeOf(x.shape) !== x.shape[1] || sizeOf(weights.shape.slice(2)) !== 1) return null;
    return throughDense(g, x, { shape: weights.shape.slice(0, 2), data: weights.data }, 1, 1);
  },
  BatchNormalization: (g, [x, scale, , , variance], { epsilon = 1e-5 }) => {
    const area = sizeOf(x.shape.slice(2));
    /** @type {(at: number) => number} */
    const factor = (at) => Math.floor(at / area) % x.shape[1];
    return x.data.map((_, at) => (g[at] * scale.data[factor(at)]) / Math.sqrt(variance.data[factor(at)] + epsilon));
  },
  Clip: (g, inputs, attributes) => {
    const [low, high] = clipBounds(inputs, attributes);
    return inputs[0].data.map((x, at) => (x > low && x < high ? g[at] : 0));
  },
};

for (const name of ["Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Cast"])
  BACKWARD[name] = (g) => g;
for (const [name, [, , derivative]] of Object.entries(FUNCTIONS)) {
  if (derivative)
    BACKWARD[name] = (g, [x], attributes) => x.data.map((value, at) => g[at] * derivative(value, attributes));
}

/** @type {(g: Float32Array, x: Tensor, weights: { shape: number[], data: Float32Array }, transposed: number, alpha: number) => Float32Array} */
function throughDense(g, x, weights, transposed, alpha) {
  const [inputs, outputs] = transposed ? [...weights.shape].reverse() : weights.shape;
  return Float32Array.from({ length: inputs }, (_, input) => {
    let sum = 0;
    for (let output = 0; output < outputs; output++) {
      sum += g[output] * weights.data[transposed ? output * inputs + input : input * outputs + output];
    }
    return alpha * sum;
  });
}

/**
 * A mean divides its gradient equally among the cells of its window, and a maximum gives it to the largest alone.
 * @type {(g: Float32Array, x: Tensor, attributes: Attributes, largest: boolean) => Float32Array}
 */
function throughPool(g, x, attributes, largest) {
  const [, channels, rows, columns] = x.shape;
  const window = windowOf(attributes, x.shape);
  const back = new Float32Array(x.data.length);
  eachPlace([1, channels, ...window.size], ([, channel, row, column], at) => {
    const cells = windowCells(window, row, column, rows, columns).filter((cell) => !cell.padding);
    const places = cells.map((cell) => (channel * rows + cell.row) * columns + cell.column);
    const count = attributes.count_include_pad ? paddedCount(window, row, column, rows, columns) : places.length;
    if (largest) back[places.reduce((best, place) => (x.data[place] > x.data[best] ? place : best))] += g[at];
    else for (const place of places) back[place] += g[at] / count;
  });
  return back;
}

/**
 * A sum or product with a constant lets the gradient through, times the factor.
 * @type {(node: GraphNode, g: Float32Array, x: { name: string }, constant: Tensor) => Float32Array | null}
 */
function throughPair(node, g, x, constant) {
  if (node.op === "Add" || (node.op === "Sub" && node.inputs[0] === x.name)) return g;
  if (node.op !== "Mul" || constant.data.length !== 1) return null;
  return g.map((value) => value * constant.data[0]);
}

/**
 * The nodes from the scores back to the maps that the head reads, or null where the head is no chain known here.
 * @type {(graph: Graph, tensors: Tensors) => { scores: string, maps: string, chain: GraphNode[] } | null}
 */
function headOf(graph, tensors) {
  const maker = new Map(graph.nodes.map((node) => [node.output, node]));
  let node = maker.get(graph.output);
  if (node?.op === "Softmax" || node?.op === "Sigmoid") node = maker.get(node.inputs[0]);
  const scores = node?.output;
  const chain = [];
  for (let name = scores; scores && name; name = node?.inputs.find((input) => tensors.has(input))) {
    const tensor = tensors.get(name);
    if (tensor?.shape.length === 4 && tensor.shape[2] * tensor.shape[3] > 1) return { scores, maps: name, chain };
    node = maker.get(name);
    const alive = node?.inputs.filter((input) => tensors.has(input)) ?? [];
    if (!node || !tensor || alive.length !== 1) return null;
    chain.push(node);
  }
  return null;
}

/**
 * Grad-CAM of a class: ReLU of the maps, each weighted with the mean gradient of the class score by it, divided by
 * the largest. { values, rows, columns, maps } or null where the head has no closed form here.
 * @type {(graph: Graph, tensors: Tensors, index: number) => { values: Float32Array, rows: number, columns: number, maps: string } | null}
 */
export function gradCam(graph, tensors, index) {
  const head = headOf(graph, tensors);
  if (!head) return null;
  const [scores, maps] = [tensors.get(head.scores), tensors.get(head.maps)];
  if (!scores || !maps) return null;
  /** @type {Float32Array | null} */
  let gradient = new Float32Array(scores.data.length);
  if (gradient.length === 1)
    gradient[0] = index === 0 ? -1 : 1; // one score answers yes; no is its negative
  else gradient[index] = 1;
  for (const node of head.chain) {
    const inputs = /** @type {Tensor[]} */ (node.inputs.map((name) => tensors.get(name) ?? graph.constants.get(name)));
    const own = node.inputs.findIndex((name) => tensors.has(name));
    const step = BACKWARD[node.op];
    gradient = step
      ? step(gradient, inputs, node.attributes)
      : node.op in PAIRS
        ? throughPair(node, gradient, { name: node.inputs[own] }, inputs[1 - own])
        : null;
    if (!gradient) return null;
  }
  return { ...weighted(maps, gradient), maps: head.maps };
}

/**
 * ReLU of the sum of the maps, each times the mean of its gradient; divided by the largest.
 * @type {(maps: Tensor, gradient: Float32Array) => { values: Float32Array, rows: number, columns: number }}
 */
function weighted(maps, gradient) {
  const [, channels, rows, columns] = maps.shape;
  const area = rows * columns;
  const sums = new Float64Array(area);
  for (let channel = 0; channel < channels; channel++) {
    let weight = 0;
    for (let cell = 0; cell < area; cell++) weight += gradient[channel * area + cell] / area;
    for (let cell = 0; cell < area; cell++) sums[cell] += weight * maps.data[channel * area + cell];
  }
  const most = Math.max(0, ...sums);
  return { values: Float32Array.from(sums, (sum) => (most > 0 ? Math.max(0, sum) / most : 0)), rows, columns };
}
