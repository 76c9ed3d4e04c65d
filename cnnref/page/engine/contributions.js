// How a single value was computed: from which numbers, and by which arithmetic.
/**
 * @import { Graph, GraphNode } from "./onnx.js"
 * @import { Attributes, Tensor, Tensors } from "./tensors.js"
 * @import { Window } from "./windows.js"
 * @typedef {{ node: GraphNode, inputs: Tensor[], y: Tensor, at: number, place: number[], tensor: string, attributes: Attributes }} Given
 * @typedef {{ channel: number, rows: number, columns: number, cells: Cell[] }} Group the cells of a window over one map
 * @typedef {Record<string, any> & { kind: string, value: number }} Explanation see `explainValue`
 * @typedef {(given: Given, tensors: Tensors) => Record<string, any> & { kind: string }} Explain
 */

import { FUNCTIONS, PAIRS, clipBounds } from "./elementwise.js";
import { MOVES, ROUTES, STAYING, placeAlong, same } from "./moving.js";
import { OPERATORS } from "./operators.js";
import { between, broadcastSteps, dot, placeOf, stridesOf, total } from "./tensors.js";
import { paddedCount, windowCells, windowOf } from "./windows.js";
import { phrase } from "../texts/texts.js";

/**
 * What the value `at` (a place in the data) of a node's output was computed from:
 *   { kind, value, ... } with, by kind,
 *   "sum"      groups: [{ channel, rows, columns, cells: [{ input, weight, product, from, padding }] }], bias, tensor
 *   "mean"     groups (without weights), count, tensor
 *   "max"      groups (without weights), tensor; the cell that is the largest has chosen: true
 *   "scale"    input, from, tensor, mean, variance, epsilon, scale, bias;
 *              factor, offset: value = factor * input + offset
 *   "spread"   input, from, tensor, parts: [{ value, square, from }] of the channels near by, alpha, beta, bias, size
 *   "pair"     sign, parts: [{ value, from, tensor, constant }]
 *   "function" input, from, tensor, formula, f (number -> number)
 *   "softmax"  parts: [{ input, power, share, from }], most, sum, chosen, tensor
 *   "move"     tensor and from: where the value was before; tensor is null for padding
 *   "whole"    tensor: an operator that is shown by its maps only
 * `from` is a place in the data of `tensor`, the name of the input.
 * @type {(graph: Graph, node: GraphNode, tensors: Tensors, at: number) => Explanation}
 */
export function explainValue(graph, node, tensors, at) {
  const inputs = /** @type {Tensor[]} */ (node.inputs.map((name) => tensors.get(name) ?? graph.constants.get(name)));
  const y = /** @type {Tensor} */ (tensors.get(node.output));
  const given = {
    node,
    inputs,
    y,
    at,
    place: placeOf(y.shape, at),
    tensor: node.inputs[0],
    attributes: node.attributes,
  };
  const explain =
    EXPLANATIONS[node.op] ?? (node.op in FUNCTIONS ? explainFunction : node.op in PAIRS ? explainPair : null);
  if (MOVES.has(node.op)) return { value: y.data[at], ...explainMove(given, tensors) };
  if (!explain) return { kind: "whole", value: y.data[at], tensor: node.inputs[0] };
  const told = explain(given, tensors);
  const value = graph.single && told.kind === "sum" ? summed(/** @type {any} */ (told)) : y.data[at];
  return { value, tensor: node.inputs[0], ...told };
}

/**
 * The sum of all products and the bias in double precision: results of large networks are in single precision, and what
 * is shown number by number is added up anew.
 * @type {(told: { groups: Group[], bias: number }) => number}
 */
function summed({ groups, bias }) {
  let sum = bias;
  for (const { cells } of groups) for (const { product } of cells) sum += product ?? 0;
  return Math.fround(sum);
}

/**
 * @typedef {object} Cell a cell of a window: its place, its value, and where in the data it is from
 * @property {number} row
 * @property {number} column
 * @property {number} input
 * @property {number | null} from
 * @property {boolean} padding
 * @property {number} [weight]
 * @property {number} [product]
 * @property {boolean} [chosen] whether it is the maximum
 */

/**
 * The cells of a window over one map: input, where it is from, and whether it is padding (which counts as 0).
 * @type {(x: Tensor, channel: number, window: Window, row: number, column: number, weightAt?: (cell: number) => number) => Cell[]}
 */
function cellsOf(x, channel, window, row, column, weightAt) {
  const [, , rows, columns] = x.shape;
  return windowCells(window, row, column, rows, columns).map((cell, index) => {
    const from = cell.padding ? null : (channel * rows + cell.row) * columns + cell.column;
    const input = from === null ? 0 : x.data[from];
    const weight = weightAt?.(index);
    return { ...cell, input, weight, product: weight === undefined ? undefined : input * weight, from };
  });
}

/** @type {Explain} */
function explainConv({ inputs: [x, weights, bias], attributes, place: [, filter, row, column] }) {
  const [filters, depth, high, wide] = weights.shape;
  const window = windowOf(attributes, x.shape, [high, wide]);
  const group = Math.floor(filter / (filters / (x.shape[1] / depth)));
  const groups = Array.from({ length: depth }, (_, layer) => {
    const channel = group * depth + layer;
    const first = (filter * depth + layer) * high * wide;
    return {
      channel,
      rows: high,
      columns: wide,
      cells: cellsOf(x, channel, window, row, column, (cell) => weights.data[first + cell]),
    };
  });
  return { kind: "sum", groups, bias: bias ? bias.data[filter] : 0 };
}

/** @type {(kind: string) => Explain} */
function explainPool(kind) {
  return ({ inputs: [x], attributes, place: [, channel, row, column] }) => {
    const window = windowOf(attributes, x.shape);
    const cells = cellsOf(x, channel, window, row, column);
    const inside = cells.filter((cell) => !cell.padding);
    if (kind === "max") inside.reduce((best, cell) => (cell.input > best.input ? cell : best)).chosen = true;
    const [, , rows, columns] = x.shape;
    const count = attributes.count_include_pad ? paddedCount(window, row, column, rows, columns) : inside.length;
    return { kind, groups: [{ channel, rows: window.kernel[0], columns: window.kernel[1], cells }], count };
  };
}

/** @type {(kind: string) => Explain} */
function explainGlobal(kind) {
  return ({ inputs: [x], place: [, channel] }) => {
    const [, , rows, columns] = x.shape;
    /** @type {Cell[]} */
    const cells = Array.from({ length: rows * columns }, (_, cell) => {
      const from = channel * rows * columns + cell;
      return { row: Math.floor(cell / columns), column: cell % columns, input: x.data[from], from, padding: false };
    });
    if (kind === "max") cells.reduce((best, cell) => (cell.input > best.input ? cell : best)).chosen = true;
    return { kind, groups: [{ channel, rows, columns, cells }], count: cells.length };
  };
}

/**
 * A dense layer: every input times its weight. Behind a flattening, they are still in the order of the maps.
 * @type {Explain}
 */
function explainDense({ inputs: [x, weights, bias], attributes, place }) {
  const [length, outputs] = attributes.transB ? [...weights.shape].reverse() : weights.shape;
  const output = place[place.length - 1];
  const row = place.slice(0, -1).reduce((sum, size, axis) => sum * x.shape[axis] + size, 0);
  const cells = Array.from({ length }, (_, index) => {
    const weight =
      (attributes.alpha ?? 1) * weights.data[attributes.transB ? output * length + index : index * outputs + output];
    const from = row * length + index;
    return { row: 0, column: index, input: x.data[from], weight, product: x.data[from] * weight, from, padding: false };
  });
  const added = bias ? (attributes.beta ?? 1) * bias.data[dot(place, broadcastSteps(bias.shape, 2))] : 0;
  return { kind: "sum", groups: [{ channel: 0, rows: 1, columns: length, cells }], bias: added };
}

/** @type {Explain} */
function explainScale({ inputs: [x, scale, bias, mean, variance], attributes, at, place }) {
  const channel = place[1];
  const epsilon = attributes.epsilon ?? 1e-5;
  const factor = scale.data[channel] / Math.sqrt(variance.data[channel] + epsilon);
  const offset = bias.data[channel] - mean.data[channel] * factor;
  const parts = {
    mean: mean.data[channel],
    variance: variance.data[channel],
    scale: scale.data[channel],
    bias: bias.data[channel],
  };
  return { kind: "scale", input: x.data[at], from: at, ...parts, epsilon, factor, offset };
}

/**
 * Local response normalization: the value, by what the squares of its neighbours across the channels make.
 * @type {Explain}
 */
function explainSpread({ inputs: [x], attributes, at, place }) {
  const { size, alpha = 1e-4, beta = 0.75, bias = 1 } = attributes;
  const area = x.shape.slice(2).reduce((product, one) => product * one, 1);
  const first = Math.max(0, place[1] - Math.floor((size - 1) / 2));
  const last = Math.min(x.shape[1] - 1, place[1] + Math.ceil((size - 1) / 2));
  const parts = Array.from({ length: last - first + 1 }, (_, index) => {
    const from = at + (first + index - place[1]) * area;
    return { value: x.data[from], square: x.data[from] ** 2, from };
  });
  return { kind: "spread", input: x.data[at], from: at, parts, alpha, beta, bias, size };
}

/**
 * A mean over some axes: the values that differ from each other in these only.
 * @type {Explain}
 */
function explainReduced({ inputs: [x, given], attributes, y, at }) {
  const rank = x.shape.length;
  const named = attributes.axes ?? [...(given?.data ?? [])];
  const over = new Set((named.length ? named : x.shape.map((_, axis) => axis)).map((/** @type {number} */ axis) => (axis < 0 ? axis + rank : axis)));
  const kept = x.shape.map((size, axis) => (over.has(axis) ? 1 : size));
  const own = placeOf(kept, at);
  const axes = [...over].sort((a, b) => a - b);
  const sizes = axes.map((axis) => x.shape[axis]);
  const steps = stridesOf(x.shape);
  const begin = dot(own, steps);
  const count = x.data.length / y.data.length;
  const cells = Array.from({ length: count }, (_, cell) => {
    const inside = placeOf(sizes, cell);
    const from = inside.reduce((sum, one, index) => sum + one * steps[axes[index]], begin);
    return { row: 0, column: cell, input: x.data[from], from, padding: false };
  });
  return { kind: "mean", groups: [{ channel: rank === 4 ? own[x.last ? 3 : 1] : 0, rows: 1, columns: count, cells }], count };
}

/** @type {Explain} */
function explainFunction({ node, inputs: [x], attributes, at }) {
  const [f, formula] = FUNCTIONS[node.op];
  return { kind: "function", input: x.data[at], from: at, formula, f: (/** @type {number} */ value) => f(value, attributes), attributes };
}

/** @type {Explain} */
function explainClip({ inputs, attributes, at }) {
  const [low, high] = clipBounds(inputs, attributes);
  const formula = phrase("engine.kept-between", { low, high });
  return {
    kind: "function",
    input: inputs[0].data[at],
    from: at,
    formula,
    f: (/** @type {number} */ value) => between(low, high, value),
    attributes,
  };
}

/** @type {Explain} */
function explainPair({ node, inputs, y, place }, tensors) {
  const parts = inputs.map((one, index) => {
    const from = dot(place, broadcastSteps(one.shape, y.shape.length));
    return { value: one.data[from], from, tensor: node.inputs[index], constant: !tensors.has(node.inputs[index]) };
  });
  return { kind: "pair", sign: PAIRS[node.op]?.[1] ?? "+", parts };
}

/** @type {Explain} */
function explainSoftmax({ inputs: [x], attributes: { axis = -1 }, at, y }) {
  const along = axis < 0 ? axis + x.shape.length : axis;
  const step = stridesOf(y.shape)[along];
  const own = placeOf(y.shape, at)[along];
  const places = Array.from({ length: x.shape[along] }, (_, index) => at + (index - own) * step);
  const most = Math.max(...places.map((from) => x.data[from]));
  const powers = places.map((from) => Math.exp(x.data[from] - most));
  const sum = total(powers);
  const parts = places.map((from, index) => ({
    input: x.data[from],
    power: powers[index],
    share: powers[index] / sum,
    from,
  }));
  return { kind: "softmax", parts, most, sum, chosen: own };
}

/**
 * Where a moved value was before. Where that is not known at once, the operator is run on the places themselves, from 1
 * on, so that 0 is padding.
 * @type {Explain}
 */
function explainMove({ node, inputs, at, y }, tensors) {
  const [x] = inputs;
  if (tensors.has(node.inputs[0])) {
    if (STAYING.has(node.op)) return { kind: "move", tensor: node.inputs[0], from: at };
    const route = ROUTES[node.op]?.(inputs, node.attributes);
    if (route) return { kind: "move", tensor: node.inputs[0], from: placeAlong(x, route, placeOf(y.shape, at)) };
  }
  if (node.op === "Concat" && node.inputs.every((name) => tensors.has(name))) return explainConcat(node, inputs, at, y);
  let next = 1;
  /** @type {(number | null)[]} */
  const firsts = [];
  const numbered = inputs.map((x, index) => {
    firsts[index] = tensors.has(node.inputs[index]) ? next : null;
    if (firsts[index] === null) return x;
    const first = next;
    next += x.data.length;
    const places = Float64Array.from(x.data, (_, place) => first + place);
    return { shape: x.shape, data: /** @type {any} */ (places) };
  });
  if (node.op === "Pad") delete numbered[2]; // padding is 0, whatever its value
  const move = STAYING.has(node.op) ? same : OPERATORS[node.op];
  const found = move(numbered, node.attributes).data[at];
  const source = firsts.findLastIndex((first) => first && found >= first);
  return found
    ? { kind: "move", tensor: node.inputs[source], from: found - (firsts[source] ?? 0) }
    : { kind: "move", tensor: null };
}

/**
 * The input that a place of joined tensors lies in.
 * @type {(node: GraphNode, inputs: Tensor[], at: number, y: Tensor) => ReturnType<Explain>}
 */
function explainConcat({ inputs: names, attributes: { axis } }, inputs, at, y) {
  const place = placeOf(y.shape, at);
  const along = axis < 0 ? axis + place.length : axis;
  let source = 0;
  while (place[along] >= inputs[source].shape[along]) place[along] -= inputs[source++].shape[along];
  return { kind: "move", tensor: names[source], from: dot(place, stridesOf(inputs[source].shape)) };
}

/** @type {Record<string, Explain>} */
const EXPLANATIONS = {
  Conv: explainConv,
  MaxPool: explainPool("max"),
  AveragePool: explainPool("mean"),
  GlobalAveragePool: explainGlobal("mean"),
  GlobalMaxPool: explainGlobal("max"),
  Gemm: explainDense,
  MatMul: explainDense,
  BatchNormalization: explainScale,
  Clip: explainClip,
  LRN: explainSpread,
  ReduceMean: explainReduced,
  Softmax: explainSoftmax,
  Sum: explainPair,
};

/**
 * From which earlier value a value comes most of all: [tensor, place]; null where there is none.
 * @type {(told: Explanation, known: (tensor: string) => boolean) => [string, number] | null}
 */
export function strongestSource(told, known) {
  /** @type {{ tensor?: string, from: number | null, weight: number }[]} */
  let found = [];
  if (told.groups)
    found = told.groups.flatMap((/** @type {Group} */ group) =>
      group.cells.map(({ from, product, input, chosen }) => ({ from, weight: chosen ? Infinity : (product ?? input) })),
    );
  else if (told.kind === "pair")
    found = told.parts.map((/** @type {any} */ part) => ({ ...part, weight: part.value }));
  else if (told.kind === "softmax") found = [{ from: told.parts[told.chosen].from, weight: 1 }];
  else if (told.tensor !== null && told.from !== undefined) found = [{ from: told.from, weight: 1 }];
  const rest = found.filter(({ from, tensor }) => from !== null && known(tensor ?? told.tensor));
  if (!rest.length) return null;
  const best = rest.reduce((most, one) => (Math.abs(one.weight) > Math.abs(most.weight) ? one : most));
  return [best.tensor ?? told.tensor, Number(best.from)];
}
