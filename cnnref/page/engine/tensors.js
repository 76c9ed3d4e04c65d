// Tensors, { shape, data }: their places in memory, and small arithmetic that several operators share.
/**
 * @typedef {object} Tensor numbers with a shape, in the order of the file
 * @property {number[]} shape
 * @property {Float32Array} data whole numbers are in an array of their own type (`arrayOf`), which is read in the same way
 * @property {string} [name] of a constant
 * @property {boolean} [last] of a result with four axes: whether its channels come last (engine/axes.js)
 * @property {boolean} [half] of a constant: whether it was stored in 16 bits, as which nothing is computed
 * @property {boolean} [real] whether a constant holds real numbers
 * @typedef {Map<string, Tensor>} Tensors results by their names
 * @typedef {Record<string, any>} Attributes of a node, by their names in ONNX
 * @typedef {(inputs: Tensor[], attributes: Attributes) => Tensor} Operator
 */

/** @type {(shape: number[]) => number} */
export const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);
/** @type {(shape: number[], data?: Float32Array) => Tensor} */
export const tensorOf = (shape, data = new Float32Array(sizeOf(shape))) => ({ shape, data });

/**
 * How far apart in memory neighbours along each axis are.
 * @type {(shape: number[]) => number[]}
 */
export function stridesOf(shape) {
  const strides = new Array(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

/** @type {(place: number[], steps: number[]) => number} */
export const dot = (place, steps) => {
  let sum = 0;
  for (let axis = 0; axis < steps.length; axis++) sum += place[axis] * steps[axis];
  return sum;
};

/**
 * visit(place, at) for every place of a tensor, in the order of its data. `place` is one array, written over.
 * @type {(shape: number[], visit: (place: number[], at: number) => void) => void}
 */
export function eachPlace(shape, visit) {
  const place = new Array(shape.length).fill(0);
  const count = sizeOf(shape);
  for (let at = 0; at < count; at++) {
    visit(place, at);
    for (let axis = shape.length - 1; axis >= 0 && ++place[axis] === shape[axis]; axis--) place[axis] = 0;
  }
}

/**
 * Go through a tensor in lines that are as long as they can be: along a line, two others go on by `stepA` and `stepB`.
 * @type {(shape: number[], stepsA: number[], stepsB: number[], visit: (at: number, fromA: number, fromB: number, size: number, stepA: number, stepB: number) => void) => void}
 */
export function eachLine(shape, stepsA, stepsB, visit) {
  /** @type {{ size: number, a: number, b: number }[]} */
  const axes = [];
  shape.forEach((size, axis) => {
    const [a, b] = [stepsA[axis], stepsB[axis]];
    const last = axes[axes.length - 1];
    if (size === 1) return;
    if (last && last.a === a * size && last.b === b * size) axes[axes.length - 1] = { size: last.size * size, a, b };
    else axes.push({ size, a, b });
  });
  const line = axes.pop() ?? { size: sizeOf(shape), a: 0, b: 0 };
  const [outerA, outerB] = [axes.map(({ a }) => a), axes.map(({ b }) => b)];
  const outer = axes.map(({ size }) => size);
  eachPlace(outer, (place, at) =>
    visit(at * line.size, dot(place, outerA), dot(place, outerB), line.size, line.a, line.b),
  );
}

/**
 * The place of the value that is `at` in the data.
 * @type {(shape: number[], at: number) => number[]}
 */
export const placeOf = (shape, at) => stridesOf(shape).map((step, axis) => Math.floor(at / step) % shape[axis]);

/** @type {(values: number[] | Float32Array) => number} */
export function total(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/**
 * How numbers of an element type of ONNX are held: whole numbers wrap round and lose their fraction as they do there.
 * Those of 64 bits are plain numbers, which are exact up to 2^53.
 * @type {Record<number, any>}
 */
const ARRAYS = {
  1: Float32Array,
  2: Uint8Array,
  3: Int8Array,
  4: Uint16Array,
  5: Int16Array,
  6: Int32Array,
  7: Array,
  9: Uint8Array,
  11: Float64Array,
  12: Uint32Array,
};

/**
 * The kind of array for an element type, or undefined where the page knows none.
 * @type {(element: number) => Float32ArrayConstructor | undefined}
 */
export const arrayOf = (element) => ARRAYS[element];

/**
 * An array of the kind that a tensor's numbers are in.
 * @type {(x: Tensor, length: number) => Float32Array}
 */
export function emptyLike(x, length) {
  const Kind = /** @type {Float32ArrayConstructor} */ (x.data.constructor);
  return new Kind(length);
}

/**
 * How far apart in memory neighbours along each of `rank` axes are, where axes of length 1 are broadcast.
 * @type {(shape: number[], rank: number) => number[]}
 */
export function broadcastSteps(shape, rank) {
  const whole = [...new Array(rank - shape.length).fill(1), ...shape];
  return stridesOf(whole).map((step, axis) => (whole[axis] === 1 ? 0 : step));
}

/** @type {(low: number, high: number, x: number) => number} */
export const between = (low, high, x) => Math.min(high, Math.max(low, x));
