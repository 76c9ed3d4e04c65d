// What can be said of a layer without running it: its window, its sizes, what it costs.
/**
 * @import { GraphNode } from "../engine/onnx.js"
 * @import { Tensor } from "../engine/tensors.js"
 * @import { Window } from "../engine/windows.js"
 */

import { by, thousands } from "./elements.js";
import { state, tensorNamed } from "./state.js";
import { mapsOf } from "../engine/axes.js";
import { fieldSize } from "../engine/field.js";
import { sizeOf } from "../engine/tensors.js";
import { windowOf } from "../engine/windows.js";
import { phrase } from "../texts/texts.js";

/**
 * Operators by the names that people know.
 * @type {Record<string, string>}
 */
// prettier-ignore
const KINDS = {
  Conv: phrase("facts.convolution"), Gemm: phrase("facts.dense-layer"), MatMul: phrase("facts.dense-layer"), Flatten: phrase("facts.flattening"), Softmax: phrase("facts.softmax"),
  MaxPool: phrase("facts.max-pooling"), AveragePool: phrase("facts.average-pooling"), GlobalAveragePool: phrase(
    "facts.global-average-pooling",
  ),
  GlobalMaxPool: phrase("facts.global-max-pooling"), ReduceMean: phrase("facts.mean"), BatchNormalization: phrase(
    "facts.batch-normalization",
  ),
  LayerNormalization: phrase("facts.layer-normalization"),
  LRN: phrase("facts.local-response-normalization"), Relu: phrase("facts.relu"), LeakyRelu: phrase("facts.leaky-relu"), Sigmoid: phrase("facts.sigmoid"), Tanh: phrase("facts.tanh"),
  HardSwish: phrase("facts.hard-swish"), HardSigmoid: phrase("facts.hard-sigmoid"), Gelu: phrase("facts.gelu"), Clip: phrase("facts.clipping"), Add: phrase("facts.sum"), Mul: phrase("facts.product"),
  Concat: phrase("facts.concatenation"), Pad: phrase("facts.padding"), Reshape: phrase("facts.reshaping"), Transpose: phrase("facts.reordering-of-axes"), Slice: phrase("facts.cutting-out"),
};

/**
 * Whether a convolution reads one channel for each of its kernels.
 * @type {(node: GraphNode) => boolean}
 */
const isDepthwise = (node) =>
  (node.attributes.group ?? 1) > 1 && state.graph.constants.get(node.inputs[1])?.shape[1] === 1;

/** @type {(node: GraphNode) => string} */
export function kindOf(node) {
  if (node.op === "Conv" && (node.attributes.group ?? 1) > 1)
    return isDepthwise(node) ? phrase("facts.depthwise-convolution") : phrase("facts.grouped-convolution");
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
  if (node.op === "Conv" && isDepthwise(node)) return "depthwise";
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
    return phrase("facts.maps", { count, size: by([rows, columns]) });
  }
  return shape.length === 2 ? phrase("facts.numbers", { count: shape[1] }) : by(shape.slice(1));
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
  const facts = [[phrase("facts.takes"), inputs.map((name) => `${name}: ${shapeText(tensorNamed(name))}`).join("; ")]];
  if (output) facts.push([phrase("facts.gives"), shapeText(output)]);
  const window = windowOfNode(node);
  if (window) {
    const [rows, columns] = tensorNamed(node.inputs[0]).shape.slice(2);
    window.up = node.attributes.ceil_mode === 1;
    facts.push([
      phrase("facts.window"),
      phrase(
        "facts.stride-dilation",
        { size: by(window.kernel), size2: by(window.stride), size3: by(window.dilation) },
      ),
    ]);
    const [top, left] = window.before;
    const [bottom, right] = window.after;
    facts.push([phrase("facts.padding"), phrase("facts.top-bottom-left-right", { top, bottom, left, right })]);
    facts.push(
      [phrase("facts.rows"), formula(window, 0, rows)],
      [phrase("facts.columns"), formula(window, 1, columns)],
    );
  }
  facts.push(
    [phrase("facts.parameters"), thousands(parametersOf(node))],
    [phrase("facts.multiply-accumulates"), thousands(macsOf(node))],
  );
  const field = output && fieldSize(state.graph, state.tensors, node.output, state.facts.shape[0], state.facts.shape[1]);
  if (field) facts.push([phrase("facts.receptive-field"), phrase("facts.pixels", { size: by(field) })]);
  return facts;
}
