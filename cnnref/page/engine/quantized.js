// Real numbers as whole ones and back: real = (whole - zero point) * step, by one step or by one for each channel.
/** @import { Attributes, Operator, Tensor } from "./tensors.js" */

import { arrayOf, between, sizeOf, tensorOf } from "./tensors.js";
import { phrase } from "../texts/texts.js";

/** @type {Record<string, Operator>} */
export const QUANTIZED = {};

/**
 * The least and the greatest number of the arrays that hold whole numbers.
 * @type {[Function, number, number][]}
 */
const RANGES = [
  [Uint8Array, 0, 255],
  [Int8Array, -128, 127],
  [Uint16Array, 0, 65535],
  [Int16Array, -32768, 32767],
];

/**
 * To the nearest whole number; from the middle between two to the even one.
 * @type {(value: number) => number}
 */
function toEven(value) {
  const near = Math.round(value);
  return Math.abs(value % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

/**
 * Which of the steps belongs to the value that is `at` in the data.
 * @type {(x: Tensor, steps: Tensor, attributes: Attributes) => (at: number) => number}
 */
function stepOf(x, steps, { axis = 1, block_size = 0 }) {
  if (block_size) throw new Error(phrase("engine.steps-for-blocks"));
  if (steps.data.length === 1) return () => 0;
  const along = axis < 0 ? axis + x.shape.length : axis;
  const inner = sizeOf(x.shape.slice(along + 1));
  return (at) => Math.floor(at / inner) % x.shape[along];
}

QUANTIZED.QuantizeLinear = ([x, steps, zeros], attributes) => {
  const Kind = zeros ? zeros.data.constructor : arrayOf(attributes.output_dtype || 2);
  const range = RANGES.find(([kind]) => kind === Kind);
  if (!range || !(x.data instanceof Float32Array) || !(steps.data instanceof Float32Array))
    throw new Error(phrase("engine.quantize-numbers"));
  const [, least, most] = range;
  const which = stepOf(x, steps, attributes);
  const y = tensorOf(x.shape, new /** @type {Float32ArrayConstructor} */ (Kind)(x.data.length));
  for (let at = 0; at < x.data.length; at++) {
    const step = which(at);
    const whole = toEven(Math.fround(x.data[at] / steps.data[step]));
    y.data[at] = between(least, most, whole + (zeros ? zeros.data[step] : 0));
  }
  return y;
};

QUANTIZED.DequantizeLinear = ([x, steps, zeros], attributes) => {
  if (!(steps.data instanceof Float32Array) || x.data.constructor === Float32Array)
    throw new Error(phrase("engine.dequantize-numbers"));
  const which = stepOf(x, steps, attributes);
  const y = tensorOf(x.shape);
  for (let at = 0; at < x.data.length; at++) {
    const step = which(at);
    y.data[at] = (x.data[at] - (zeros ? zeros.data[step] : 0)) * steps.data[step];
  }
  return y;
};
