// What each operator of ONNX computes, written as a formula. A tensor is { shape, data }; sums are in double precision.
// A function takes the input tensors and the attributes of a node, and gives its output tensor.
/** @import { Attributes, Operator, Tensor } from "./tensors.js" */

import { ELEMENTWISE } from "./elementwise.js";
import { MOVING } from "./moving.js";
import { QUANTIZED } from "./quantized.js";
import { broadcastSteps, dot, eachLine, eachPlace, sizeOf, stridesOf, tensorOf, total } from "./tensors.js";
import { paddedCount, windowOf, windowStart } from "./windows.js";
import { phrase } from "../texts/texts.js";

/** @type {Record<string, Operator>} */
export const OPERATORS = { ...MOVING, ...ELEMENTWISE, ...QUANTIZED };

/**
 * An operator that is written for one picture, for any number of them: one after the other.
 * @type {(operator: Operator) => Operator}
 */
const eachPicture = (operator) => ([x, ...others], attributes) => {
  const { length } = x.data;
  const each = length / x.shape[0];
  if (x.shape[0] === 1) return operator([x, ...others], attributes);
  const results = Array.from({ length: x.shape[0] }, (_, picture) => {
    const own = tensorOf([1, ...x.shape.slice(1)], x.data.subarray(picture * each, (picture + 1) * each));
    return operator([own, ...others], attributes);
  });
  return MOVING.Concat(results, { axis: 0 });
};

/** Convolution: at each place, the sum over the window and the channels of value times weight, plus the bias. */
OPERATORS.Conv = eachPicture(([x, weights, bias], attributes) => {
  const [, channels, rows, columns] = x.shape;
  const [filters, depth] = weights.shape;
  const window = windowOf(attributes, x.shape, weights.shape.slice(2));
  const [high, wide] = window.kernel;
  const [outRows, outColumns] = window.size;
  const y = tensorOf([1, filters, outRows, outColumns]);
  const sums = new Float64Array(outRows * outColumns);
  for (let filter = 0; filter < filters; filter++) {
    sums.fill(bias ? bias.data[filter] : 0);
    const group = Math.floor(filter / (filters / (channels / depth)));
    for (let layer = 0; layer < depth; layer++) {
      const map = (group * depth + layer) * rows * columns;
      for (let i = 0; i < high; i++) {
        for (let j = 0; j < wide; j++) {
          const weight = weights.data[((filter * depth + layer) * high + i) * wide + j];
          slideWeight(sums, x.data, map, rows, columns, weight, i, j, window);
        }
      }
    }
    y.data.set(sums, filter * sums.length);
  }
  return y;
});

/**
 * Add one weight of a kernel times the values it meets, at every place of the window where they are no padding.
 * @type {(sums: Float64Array, data: Float32Array, map: number, rows: number, columns: number, weight: number, i: number, j: number, window: import("./windows.js").Window) => void}
 */
function slideWeight(sums, data, map, rows, columns, weight, i, j, { stride, dilation, before, size }) {
  const down = i * dilation[0] - before[0];
  const right = j * dilation[1] - before[1];
  const first = Math.max(0, Math.ceil(-right / stride[1]));
  const last = Math.min(size[1] - 1, Math.floor((columns - 1 - right) / stride[1]));
  for (let row = 0; row < size[0]; row++) {
    const from = row * stride[0] + down;
    if (from < 0 || from >= rows) continue;
    const line = map + from * columns + right;
    for (let column = first; column <= last; column++) {
      sums[row * size[1] + column] += weight * data[line + column * stride[1]];
    }
  }
}

/**
 * A number for each window: `join` gets what there is so far and each value, `finish` that and the count.
 * @type {(x: Tensor, attributes: Attributes, start: number, join: (found: number, value: number) => number, finish: (found: number, count: number) => number) => Tensor}
 */
function pooled(x, attributes, start, join, finish) {
  const [, channels, rows, columns] = x.shape;
  const window = windowOf(attributes, x.shape);
  const y = tensorOf([1, channels, ...window.size]);
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < window.size[0]; row++) {
      for (let column = 0; column < window.size[1]; column++) {
        let found = start;
        let inside = 0;
        for (let i = 0; i < window.kernel[0]; i++) {
          const r = windowStart(window, 0, row) + i * window.dilation[0];
          if (r < 0 || r >= rows) continue;
          for (let j = 0; j < window.kernel[1]; j++) {
            const c = windowStart(window, 1, column) + j * window.dilation[1];
            if (c < 0 || c >= columns) continue;
            found = join(found, x.data[(channel * rows + r) * columns + c]);
            inside += 1;
          }
        }
        const padded = attributes.count_include_pad ? paddedCount(window, row, column, rows, columns) : inside;
        y.data[at++] = finish(found, padded);
      }
    }
  }
  return y;
}

OPERATORS.MaxPool = eachPicture(([x], attributes) => pooled(x, attributes, -Infinity, Math.max, (most) => most));
OPERATORS.AveragePool = eachPicture(([x], attributes) =>
  pooled(
    x,
    attributes,
    0,
    (sum, value) => sum + value,
    (sum, count) => sum / count,
  ),
);

/**
 * One number for each map.
 * @type {(x: Tensor, summary: (map: Float32Array) => number) => Tensor}
 */
function perMap(x, summary) {
  const area = sizeOf(x.shape.slice(2));
  const data = Float32Array.from({ length: x.shape[0] * x.shape[1] }, (_, map) =>
    summary(x.data.subarray(map * area, (map + 1) * area)),
  );
  return tensorOf([x.shape[0], x.shape[1], ...x.shape.slice(2).map(() => 1)], data);
}

OPERATORS.GlobalAveragePool = ([x]) => perMap(x, (map) => total(map) / map.length);
OPERATORS.GlobalMaxPool = ([x]) => perMap(x, (map) => map.reduce((most, value) => Math.max(most, value), -Infinity));

/** Dense: every output is a sum of all inputs, each times a weight, plus a bias. */
OPERATORS.Gemm = ([x, weights, bias], { alpha = 1, beta = 1, transA = 0, transB = 0 }) => {
  if (transA) throw new Error(phrase("engine.gemm-with-transa"));
  const [inputs, outputs] = transB ? [...weights.shape].reverse() : weights.shape;
  const y = tensorOf([x.shape[0], outputs]);
  const steps = bias && broadcastSteps(bias.shape, 2);
  eachPlace(y.shape, ([row, output], at) => {
    let sum = 0;
    for (let input = 0; input < inputs; input++) {
      sum += x.data[row * inputs + input] * weights.data[transB ? output * inputs + input : input * outputs + output];
    }
    y.data[at] = alpha * sum + (steps ? beta * bias.data[dot([row, output], steps)] : 0);
  });
  return y;
};

OPERATORS.MatMul = ([x, weights]) => {
  if (weights.shape.length !== 2) throw new Error(phrase("engine.matmul-with-a-matrix"));
  const [inputs, outputs] = weights.shape;
  const rows = x.data.length / inputs;
  const y = tensorOf([...x.shape.slice(0, -1), outputs]);
  for (let row = 0; row < rows; row++) {
    for (let output = 0; output < outputs; output++) {
      let sum = 0;
      for (let input = 0; input < inputs; input++)
        sum += x.data[row * inputs + input] * weights.data[input * outputs + output];
      y.data[row * outputs + output] = sum;
    }
  }
  return y;
};

/** Normalization with the statistics of the training: (x - mean) / sqrt(variance + epsilon) * scale + bias. */
OPERATORS.BatchNormalization = ([x, scale, bias, mean, variance], { epsilon = 1e-5, training_mode = 0 }) => {
  if (training_mode) throw new Error(phrase("engine.normalization-in-training"));
  const area = sizeOf(x.shape.slice(2));
  const data = x.data.map((value, at) => {
    const channel = Math.floor(at / area) % x.shape[1];
    const spread = Math.sqrt(variance.data[channel] + epsilon);
    return ((value - mean.data[channel]) / spread) * scale.data[channel] + bias.data[channel];
  });
  return tensorOf(x.shape, data);
};

/** Normalization of each picture, or of each place, by the mean and the variance over its last axes. */
OPERATORS.LayerNormalization = ([x, scale, bias], { axis = -1, epsilon = 1e-5 }) => {
  const length = sizeOf(x.shape.slice(axis < 0 ? axis + x.shape.length : axis));
  const y = tensorOf(x.shape);
  for (let start = 0; start < x.data.length; start += length) {
    const part = x.data.subarray(start, start + length);
    const mean = total(part) / length;
    let squares = 0;
    for (const value of part) squares += (value - mean) ** 2;
    const spread = Math.sqrt(squares / length + epsilon);
    part.forEach((value, at) => {
      const factor = scale.data[at % scale.data.length];
      y.data[start + at] = ((value - mean) / spread) * factor + (bias ? bias.data[at % bias.data.length] : 0);
    });
  }
  return y;
};

/** Softmax: exponentials divided by their sum; the largest input is subtracted first, so that none overflows. */
OPERATORS.Softmax = ([x], { axis = -1 }) => {
  const along = axis < 0 ? axis + x.shape.length : axis;
  const inner = sizeOf(x.shape.slice(along + 1));
  const length = x.shape[along];
  const y = tensorOf(x.shape);
  for (let start = 0; start < x.data.length; start++) {
    if (Math.floor(start / inner) % length) continue; // once a line
    const places = Array.from({ length }, (_, step) => start + step * inner);
    const most = Math.max(...places.map((at) => x.data[at]));
    const powers = places.map((at) => Math.exp(x.data[at] - most));
    const sum = total(powers);
    places.forEach((at, step) => (y.data[at] = powers[step] / sum));
  }
  return y;
};

/** Local response normalization across channels: x / (bias + alpha / size * sum of squares) ^ beta. */
OPERATORS.LRN = eachPicture(([x], { size, alpha = 1e-4, beta = 0.75, bias = 1 }) => {
  const channels = x.shape[1];
  const area = sizeOf(x.shape.slice(2));
  const data = x.data.map((value, at) => {
    const channel = Math.floor(at / area);
    let squares = 0;
    const first = Math.max(0, channel - Math.floor((size - 1) / 2));
    const last = Math.min(channels - 1, channel + Math.ceil((size - 1) / 2));
    for (let near = first; near <= last; near++) squares += x.data[near * area + (at % area)] ** 2;
    return value / (bias + (alpha / size) * squares) ** beta;
  });
  return tensorOf(x.shape, data);
});

/** The mean over some axes; where none are named, over all. */
OPERATORS.ReduceMean = ([x, given], { axes, keepdims = 1, noop_with_empty_axes = 0 }) => {
  const rank = x.shape.length;
  /** @type {number[]} */
  const named = axes ?? [...(given?.data ?? [])];
  if (!named.length && noop_with_empty_axes) return x;
  const over = named.length ? named : x.shape.map((_, axis) => axis);
  const dropped = new Set(over.map((axis) => (axis < 0 ? axis + rank : axis)));
  const kept = x.shape.map((size, axis) => (dropped.has(axis) ? 1 : size));
  const sums = new Float64Array(sizeOf(kept));
  const steps = stridesOf(kept).map((step, axis) => (dropped.has(axis) ? 0 : step));
  eachLine(x.shape, steps, steps, (at, to, _, size, step) => {
    for (let n = 0; n < size; n++) sums[to + n * step] += x.data[at + n];
  });
  const count = x.data.length / sums.length;
  const shape = keepdims ? kept : kept.filter((_, axis) => !dropped.has(axis));
  return tensorOf(
    shape,
    Float32Array.from(sums, (sum) => sum / count),
  );
};
