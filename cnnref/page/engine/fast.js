// The operators that large networks spend their time in, in single precision and four at a time: convolutions and dense
// layers as products of matrices in WebAssembly. What is not known here is left to engine/operators.js.
/**
 * @import { Graph } from "./onnx.js"
 * @import { Operator, Tensor } from "./tensors.js"
 * @import { Given, Product } from "./matrices.js"
 * @import { Window } from "./windows.js"
 */

import { ELEMENTWISE, FUNCTIONS } from "./elementwise.js";
import { Matrices } from "./matrices.js";
import { OPERATORS } from "./operators.js";
import { sizeOf, tensorOf } from "./tensors.js";
import { windowOf } from "./windows.js";

/** Networks with more weights than this are computed here; in smaller ones every sum is in double precision. */
const LARGE = 500_000;

/** @type {(graph: Graph) => boolean} */
export const isLarge = ({ constants }) =>
  [...constants.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0) > LARGE;

const MULTIPLYING = ["Conv", "Gemm", "MatMul"];

/**
 * Operators for a large network, and the names of the weights that they alone read; null where the browser has no
 * WebAssembly for it.
 * @type {(graph: Graph) => { operators: Record<string, Operator>, weights: string[] } | null}
 */
export function fastNetwork({ nodes, constants }) {
  const others = new Set(nodes.flatMap(({ op, inputs }) => (MULTIPLYING.includes(op) ? [] : inputs)));
  const multiplied = nodes.filter(({ op }) => MULTIPLYING.includes(op)).map(({ inputs }) => inputs[1]);
  const real = (/** @type {string} */ name) => constants.get(name)?.data instanceof Float32Array;
  const weights = [...new Set(multiplied)].filter((name) => real(name) && !others.has(name));
  try {
    return { operators: operatorsOf(new Matrices()), weights };
  } catch {
    return null;
  }
}

/** @type {(tensor: Tensor) => Given} */
const numbersOf = ({ data }) => ({ length: data.length, fill: (floats) => floats.set(data) });

/** @type {(matrices: Matrices) => Record<string, Operator>} */
function operatorsOf(matrices) {
  /** @type {(inputs: Tensor[]) => boolean} */
  const known = ([x, weights]) => x.data instanceof Float32Array && weights.data instanceof Float32Array;
  return {
    ...SIMPLE,
    Conv: (inputs, attributes) => {
      if (!known(inputs) || inputs[0].shape.length !== 4 || inputs[0].shape[0] !== 1)
        return OPERATORS.Conv(inputs, attributes);
      const window = windowOf(attributes, inputs[0].shape, inputs[1].shape.slice(2));
      return tensorOf([1, inputs[1].shape[0], ...window.size], matrices.multiply(productOfConvolution(inputs, window)));
    },
    Gemm: (inputs, attributes) => {
      const { alpha = 1, beta = 1, transA = 0, transB = 0 } = attributes;
      const [x, weights, bias] = inputs;
      const outputs = weights.shape[transB ? 0 : 1];
      const row = !bias || (bias.data.length === outputs && bias.shape[bias.shape.length - 1] === outputs);
      if (!known(inputs) || transA || alpha !== 1 || beta !== 1 || !row) return OPERATORS.Gemm(inputs, attributes);
      const data = matrices.multiply(productOfDense(x, weights, transB));
      if (bias) for (let at = 0; at < data.length; at++) data[at] += bias.data[at % outputs];
      return tensorOf([x.shape[0], outputs], data);
    },
    MatMul: (inputs, attributes) => {
      const [x, weights] = inputs;
      if (!known(inputs) || weights.shape.length !== 2) return OPERATORS.MatMul(inputs, attributes);
      return tensorOf([...x.shape.slice(0, -1), weights.shape[1]], matrices.multiply(productOfDense(x, weights, 0)));
    },
  };
}

/**
 * A convolution: a row a filter, and a column a place of the window over the padded maps.
 * @type {(inputs: Tensor[], window: Window) => Product}
 */
function productOfConvolution([x, weights, bias], { kernel, stride, dilation, before, size }) {
  const [, channels, rows, columns] = x.shape;
  const [filters, depth] = weights.shape;
  const [high, wide] = [0, 1].map((axis) => (size[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1);
  const area = high * wide;
  /** @type {number[]} */
  const base = [];
  for (let layer = 0; layer < depth; layer++) {
    for (let i = 0; i < kernel[0]; i++) {
      for (let j = 0; j < kernel[1]; j++) base.push(layer * area + i * dilation[0] * wide + j * dilation[1]);
    }
  }
  /** @type {number[]} */
  const places = [];
  for (let row = 0; row < size[0]; row++) {
    for (let column = 0; column < size[1]; column++) places.push(row * stride[0] * wide + column * stride[1]);
  }
  /** @type {(floats: Float32Array) => void} */
  const fill = (floats) => {
    if (high === rows && wide === columns && !before[0] && !before[1]) return floats.set(x.data);
    floats.fill(0);
    const length = Math.min(columns, wide - before[1]);
    for (let channel = 0; channel < channels; channel++) {
      for (let row = 0; row < Math.min(rows, high - before[0]); row++) {
        const from = (channel * rows + row) * columns;
        floats.set(x.data.subarray(from, from + length), channel * area + (row + before[0]) * wide + before[1]);
      }
    }
  };
  const groups = channels / depth;
  const right = { length: channels * area, fill };
  return { left: numbersOf(weights), right, rows: filters, base, places, bias: bias?.data, groups, apart: depth * area };
}

/**
 * A dense layer: a row a picture, and a column an output; weights are [inputs, outputs], or transposed.
 * @type {(x: Tensor, weights: Tensor, transposed: number) => Product}
 */
function productOfDense(x, weights, transposed) {
  const [inputs, outputs] = transposed ? [...weights.shape].reverse() : weights.shape;
  /** @type {(count: number, step: number) => number[]} */
  const line = (count, step) => Array.from({ length: count }, (_, index) => index * step);
  return {
    left: numbersOf(x),
    right: numbersOf(weights),
    rows: x.data.length / inputs,
    base: line(inputs, transposed ? 1 : outputs),
    places: line(outputs, transposed ? inputs : 1),
  };
}

/** Values of erf at the multiples of 1 / 128 up to 6, where it is 1 in single precision, and its slopes there. */
const FINE = 128;
const ENTRIES = Float64Array.from({ length: 6 * FINE + 1 }, (_, index) => FUNCTIONS.Erf[0](index / FINE));
const SLOPES = ENTRIES.map((_, index) => ((2 / Math.sqrt(Math.PI)) * Math.exp(-((index / FINE) ** 2))) / FINE);

/**
 * erf between two entries of the table: the cubic with their values and slopes, which is right to 1e-10.
 * @type {(x: number) => number}
 */
function tabledErf(x) {
  const at = Math.abs(x) * FINE;
  if (!(at < 6 * FINE)) return Math.sign(x);
  const index = Math.floor(at);
  const t = at - index;
  const rise = ENTRIES[index + 1] - ENTRIES[index];
  const [before, after] = [SLOPES[index] - rise, rise - SLOPES[index + 1]];
  return Math.sign(x) * (ENTRIES[index] + t * (rise + (1 - t) * (before * (1 - t) + after * t)));
}

/**
 * f of each two values of tensors of one shape; what is broadcast or whole numbers is left to the other operators.
 * @type {(name: string, f: (a: Float32Array, b: Float32Array, y: Float32Array) => void) => Operator}
 */
const ofPairs = (name, f) => (inputs, attributes) => {
  const [a, b] = inputs;
  const plain = inputs.length === 2 && inputs.every(({ data }) => data instanceof Float32Array);
  if (!plain || a.shape.join() !== b.shape.join()) return ELEMENTWISE[name](inputs, attributes);
  const y = tensorOf(a.shape);
  f(a.data, b.data, y.data);
  return y;
};

/** @type {Record<string, Operator>} */
const SIMPLE = {
  Add: ofPairs("Add", (a, b, y) => {
    for (let at = 0; at < y.length; at++) y[at] = a[at] + b[at];
  }),
  Mul: ofPairs("Mul", (a, b, y) => {
    for (let at = 0; at < y.length; at++) y[at] = a[at] * b[at];
  }),
  Gelu: (inputs, attributes) => {
    if (attributes.approximate === "tanh") return ELEMENTWISE.Gelu(inputs, attributes);
    const [{ shape, data }] = inputs;
    const y = tensorOf(shape);
    for (let at = 0; at < data.length; at++) y.data[at] = 0.5 * data[at] * (1 + tabledErf(data[at] * Math.SQRT1_2));
    return y;
  },
};
