// Operators that treat every value by itself, and those that join two tensors value by value.
/** @import { Attributes, Operator, Tensor } from "./tensors.js" */

import { between, broadcastSteps, eachLine, emptyLike, sizeOf, tensorOf } from "./tensors.js";
import { phrase } from "../texts/texts.js";

/** @type {Record<string, Operator>} */
export const ELEMENTWISE = {};

/** @typedef {(x: number, attributes?: any) => number} Curve */

/**
 * erf, to double precision: its series near zero, the continued fraction of its complement further out.
 * @type {(x: number) => number}
 */
function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 3) {
    let term = size;
    let sum = size;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-size * size) / n;
      sum += term / (2 * n + 1);
      if (n > 200) break;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = size;
  for (let n = 60; n > 0; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / fraction);
}

/** @type {(x: number) => number} */
export const sigmoid = (x) => 1 / (1 + Math.exp(-x));


/**
 * name -> [f(x, attributes), how it is written, derivative(x, attributes)]
 * @type {Record<string, [Curve, string, Curve?]>}
 */
export const FUNCTIONS = {
  Relu: [(x) => Math.max(0, x), "max(0, x)", (x) => (x > 0 ? 1 : 0)],
  LeakyRelu: [
    (x, { alpha = 0.01 }) => (x < 0 ? alpha * x : x),
    phrase("engine.curve-leaky"),
    (x, { alpha = 0.01 }) => (x > 0 ? 1 : alpha),
  ],
  Sigmoid: [sigmoid, "1 / (1 + exp(-x))", (x) => sigmoid(x) * (1 - sigmoid(x))],
  Tanh: [Math.tanh, "tanh(x)", (x) => 1 - Math.tanh(x) ** 2],
  Elu: [(x, { alpha = 1 }) => (x < 0 ? alpha * Math.expm1(x) : x), phrase("engine.curve-elu")],
  Selu: [
    (x, { alpha = 1.6732632, gamma = 1.050701 }) => gamma * (x < 0 ? alpha * Math.expm1(x) : x),
    phrase("engine.curve-selu"),
  ],
  Softplus: [(x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), "ln(1 + exp(x))"],
  HardSigmoid: [
    (x, { alpha = 0.2, beta = 0.5 }) => between(0, 1, alpha * x + beta),
    phrase("engine.curve-hard-sigmoid"),
    (x, { alpha = 0.2, beta = 0.5 }) => (alpha * x + beta > 0 && alpha * x + beta < 1 ? alpha : 0),
  ],
  HardSwish: [
    (x) => x * between(0, 1, x / 6 + 0.5),
    phrase("engine.curve-hard-swish"),
    (x) => (x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5),
  ],
  Gelu: [
    (x, { approximate = "none" }) =>
      approximate === "tanh"
        ? 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
        : 0.5 * x * (1 + erf(x / Math.SQRT2)),
    phrase("engine.curve-gelu"),
  ],
  Erf: [erf, "erf(x)"],
  Exp: [Math.exp, "exp(x)"],
  Log: [Math.log, "ln(x)"],
  Sqrt: [Math.sqrt, "√x"],
  Abs: [Math.abs, "|x|"],
  Neg: [(x) => -x, "-x"],
  Reciprocal: [(x) => 1 / x, "1 / x"],
};

for (const [name, [f]] of Object.entries(FUNCTIONS)) {
  ELEMENTWISE[name] = ([x], attributes) => mapped(x, (value) => f(value, attributes));
}

/**
 * f of every value; written as a loop, which browsers run several times as fast as `map`.
 * @type {(x: Tensor, f: (value: number) => number) => Tensor}
 */
function mapped(x, f) {
  const y = tensorOf(x.shape, emptyLike(x, x.data.length));
  for (let at = 0; at < x.data.length; at++) y.data[at] = f(x.data[at]);
  return y;
}

ELEMENTWISE.Relu = ([x]) => {
  const y = tensorOf(x.shape, emptyLike(x, x.data.length));
  for (let at = 0; at < x.data.length; at++) y.data[at] = Math.max(0, x.data[at]);
  return y;
};

/**
 * The bounds of Clip are inputs, or attributes in old files.
 * @type {(inputs: Tensor[], attributes: Attributes) => [number, number]}
 */
export const clipBounds = ([, low, high], { min, max }) => [
  low?.data[0] ?? min ?? -Infinity,
  high?.data[0] ?? max ?? Infinity,
];

ELEMENTWISE.Clip = (inputs, attributes) => {
  const [low, high] = clipBounds(inputs, attributes);
  const [{ shape, data }] = inputs;
  const y = tensorOf(shape, emptyLike(inputs[0], data.length));
  for (let at = 0; at < data.length; at++) y.data[at] = Math.min(high, Math.max(low, data[at]));
  return y;
};

/**
 * name -> [f(a, b), the sign that is written between them]
 * @type {Record<string, [(a: number, b: number) => number, string]>}
 */
export const PAIRS = {
  Add: [(a, b) => a + b, "+"],
  Sub: [(a, b) => a - b, "-"],
  Mul: [(a, b) => a * b, "×"],
  Div: [(a, b) => a / b, "÷"],
  Pow: [(a, b) => a ** b, "^"],
  Max: [Math.max, "max"],
  Min: [Math.min, "min"],
  PRelu: [(a, b) => (a < 0 ? a * b : a), phrase("engine.pair-prelu")],
};

for (const [name, [f]] of Object.entries(PAIRS)) {
  ELEMENTWISE[name] = ([first, ...others]) => others.reduce((a, b) => paired(a, b, f), first);
}
ELEMENTWISE.Sum = ELEMENTWISE.Add;

/**
 * f of every pair; an axis of length 1 is broadcast along the other's.
 * @type {(a: Tensor, b: Tensor, f: (a: number, b: number) => number) => Tensor}
 */
function paired(a, b, f) {
  const rank = Math.max(a.shape.length, b.shape.length);
  const [sizesA, sizesB] = [a, b].map((one) => [...new Array(rank - one.shape.length).fill(1), ...one.shape]);
  const shape = sizesA.map((size, axis) => (size === 1 ? sizesB[axis] : size));
  const y = tensorOf(shape, emptyLike(a, sizeOf(shape)));
  const [stepsA, stepsB] = [a, b].map((one) => broadcastSteps(one.shape, rank));
  eachLine(shape, stepsA, stepsB, (at, fromA, fromB, size, stepA, stepB) => {
    for (let n = 0; n < size; n++) y.data[at + n] = f(a.data[fromA + n * stepA], b.data[fromB + n * stepB]);
  });
  if (Array.isArray(y.data) && !y.data.every(Number.isSafeInteger))
    throw new Error(phrase("engine.too-large-for-64-bits"));
  return y;
}
