// What can be said of a layer without running it: its window, its sizes, what it costs.
/**
 * @import { GraphNode } from "../engine/onnx.js"
 * @import { Tensor } from "../engine/tensors.js"
 * @import { Window } from "../engine/windows.js"
 */

import { by, counted, thousands } from "./elements.js";
import { state, tensorNamed } from "./state.js";
import { mapsOf } from "../engine/axes.js";
import { fieldSize } from "../engine/field.js";
import { sizeOf } from "../engine/tensors.js";
import { windowOf } from "../engine/windows.js";

/**
 * Operators by the names that people know.
 * @type {Record<string, string>}
 */
// prettier-ignore
const KINDS = {
  Conv: "convolution", Gemm: "dense layer", MatMul: "dense layer", Flatten: "flattening", Softmax: "softmax",
  MaxPool: "max pooling", AveragePool: "average pooling", GlobalAveragePool: "global average pooling",
  GlobalMaxPool: "global max pooling", ReduceMean: "mean", BatchNormalization: "batch normalization",
  LayerNormalization: "layer normalization",
  LRN: "local response normalization", Relu: "ReLU", LeakyRelu: "leaky ReLU", Sigmoid: "sigmoid", Tanh: "tanh",
  HardSwish: "hard swish", HardSigmoid: "hard sigmoid", Gelu: "GELU", Clip: "clipping", Add: "sum", Mul: "product",
  Concat: "concatenation", Pad: "padding", Reshape: "reshaping", Transpose: "reordering of axes", Slice: "cutting out",
};

/** @type {(node: GraphNode) => string} */
export function kindOf(node) {
  const weights = state.graph.constants.get(node.inputs[1]);
  if (node.op === "Conv" && (node.attributes.group ?? 1) > 1) {
    return weights?.shape[1] === 1 ? "depthwise convolution" : "grouped convolution";
  }
  return KINDS[node.op] ?? node.op;
}

/**
 * The short names that the guide looks layers up by.
 * @type {Record<string, string>}
 */
// prettier-ignore
const GUIDE_KINDS = {
  Conv: "conv", MaxPool: "maxpool", GlobalMaxPool: "globalpool", AveragePool: "averagepool",
  GlobalAveragePool: "globalpool", Gemm: "dense", MatMul: "dense", Relu: "relu", LeakyRelu: "leakyrelu", Sigmoid: "sigmoid", Tanh: "tanh",
  Softmax: "softmax", Flatten: "flatten", BatchNormalization: "batchnorm", Add: "add", Concat: "concat",
};

/**
 * The short name by which the guide looks a layer up; `takes` is how many results it reads.
 * @type {(node: GraphNode, takes: number) => string}
 */
export function guideKind(node, takes) {
  const shape = state.graph.constants.get(node.inputs[1])?.shape;
  if (node.op === "Add" && takes < 2) return "offset";
  if (node.op === "Conv" && kindOf(node) === "depthwise convolution") return "depthwise";
  if (node.op === "Conv" && shape?.[2] === 1 && shape[3] === 1) return "pointwise";
  return GUIDE_KINDS[node.op] ?? node.op.toLowerCase();
}

/** @type {(node: GraphNode) => boolean} */
export const hasWindow = (node) => ["Conv", "MaxPool", "AveragePool"].includes(node.op);

/**
 * The window of a layer over its input, or null.
 * @type {(node: GraphNode) => Window & { up?: boolean } | null}
 */
function windowOfNode(node) {
  const input = state.tensors.get(node.inputs[0]);
  if (!hasWindow(node) || !input) return null;
  return windowOf(node.attributes, input.shape, state.graph.constants.get(node.inputs[1])?.shape.slice(2));
}

/**
 * "6 maps of 28 × 28", "120 numbers".
 * @type {(tensor: Tensor) => string}
 */
function shapeText(tensor) {
  const { shape } = tensor;
  if (shape.length === 4) {
    const { count, rows, columns } = mapsOf(tensor);
    return `${counted(count, "map")} of ${by([rows, columns])}`;
  }
  return shape.length === 2 ? counted(shape[1], "number") : by(shape.slice(1));
}

/**
 * ⌊(28 + 2 + 2 - 1·(5 - 1) - 1) / 1⌋ + 1 = 28, with this layer's numbers.
 * @type {(window: Window & { up?: boolean }, axis: number, size: number) => string}
 */
function formula(window, axis, size) {
  const { kernel, stride, dilation, before, after } = window;
  const [open, close] = window.up ? ["⌈", "⌉"] : ["⌊", "⌋"];
  const reach = `${size} + ${before[axis]} + ${after[axis]} - ${dilation[axis]}·(${kernel[axis]} - 1) - 1`;
  return `${open}(${reach}) / ${stride[axis]}${close} + 1 = ${window.size[axis]}`;
}

/**
 * Numbers that the file holds for a layer.
 * @type {(node: GraphNode) => number}
 */
function parametersOf(node) {
  const held = node.inputs.map((name) => state.graph.constants.get(name));
  return held.reduce((sum, one) => sum + (one?.real ? one.data.length : 0), 0);
}

/**
 * Multiplications that are added up, biases not counted.
 * @type {(node: GraphNode) => number}
 */
export function macsOf(node) {
  const weights = state.graph.constants.get(node.inputs[1]);
  const output = state.tensors.get(node.output);
  if (!weights || !output) return 0;
  if (node.op === "Conv") return output.data.length * sizeOf(weights.shape.slice(1));
  if (node.op === "Gemm" || node.op === "MatMul")
    return (weights.data.length * output.data.length) / output.shape[output.shape.length - 1];
  return 0;
}

/**
 * Pairs of a name and a text, for the table beside a layer.
 * @type {(node: GraphNode) => string[][]}
 */
export function factsOf(node) {
  const output = state.tensors.get(node.output);
  const inputs = node.inputs.filter((name) => state.tensors.has(name));
  const facts = [["takes", inputs.map((name) => `${name}: ${shapeText(tensorNamed(name))}`).join("; ")]];
  if (output) facts.push(["gives", shapeText(output)]);
  const window = windowOfNode(node);
  if (window) {
    const [rows, columns] = tensorNamed(node.inputs[0]).shape.slice(2);
    window.up = node.attributes.ceil_mode === 1;
    facts.push(["window", `${by(window.kernel)}, stride ${by(window.stride)}, dilation ${by(window.dilation)}`]);
    const [top, left] = window.before;
    const [bottom, right] = window.after;
    facts.push(["padding", `top ${top}, bottom ${bottom}, left ${left}, right ${right}`]);
    facts.push(["rows", formula(window, 0, rows)], ["columns", formula(window, 1, columns)]);
  }
  facts.push(["parameters", thousands(parametersOf(node))], ["multiply-accumulates", thousands(macsOf(node))]);
  const field = output && fieldSize(state.graph, state.tensors, node.output, state.facts.shape[0], state.facts.shape[1]);
  if (field) facts.push(["receptive field", `${by(field)} pixels`]);
  return facts;
}
