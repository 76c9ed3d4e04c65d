// A drawn or photographed digit to one that looks as MNIST's do: light on dark, in a box, centred by its mass. Whole
// numbers, and floats in the order of cnnref/centring.py, so that both find the same pixels.
/**
 * @typedef {Uint8Array | Uint8ClampedArray} Gray values 0..255, row by row
 * @typedef {{ name: string, values: Gray, rows: number, columns: number }} Step a picture on the way
 * @typedef {(values: Gray, rows: number, columns: number, height: number, width: number) => Gray} Resize
 */

import { phrase } from "../texts/texts.js";

/**
 * The pictures on the way, the last of which the network sees; null if all pixels are alike, so that there is no ink.
 * `resize` makes [height, width] of [rows, columns].
 * @type {(gray: Gray, rows: number, columns: number, height: number, width: number, box: number, resize: Resize)
 *   => Step[] | null}
 */
export function centringSteps(gray, rows, columns, height, width, box, resize) {
  let limit = otsu(gray);
  if (limit === null) return null;
  /** @type {Step[]} */
  const steps = [{ name: phrase("centre.in-gray", { columns, rows }), values: gray, rows, columns }];
  if (edgeIsLight(gray, rows, columns, limit)) {
    gray = gray.map((value) => 255 - value);
    limit = 254 - limit;
    steps.push({ name: phrase("centre.the-edge-is-light"), values: gray, rows, columns });
  }
  if (rows === height && columns === width && isCentred(gray, rows, columns, box)) {
    steps.push({ name: phrase("centre.in-its-box-and"), values: gray, rows, columns });
    return steps;
  }
  const cut = cutOut(gray, rows, columns, limit);
  steps.push({ name: phrase("centre.the-ink-cut-out", { columns: cut.columns, rows: cut.rows }), ...cut });
  const inside = Math.min(box, height, width);
  const longer = Math.max(cut.rows, cut.columns);
  /** @type {(side: number) => number} */
  const fitted = (side) => Math.max(1, Math.floor((2 * inside * side + longer) / (2 * longer)));
  const [high, wide] = [fitted(cut.rows), fitted(cut.columns)];
  const small = resize(cut.values, cut.rows, cut.columns, high, wide);
  steps.push({ name: phrase("centre.its-longer-side-made", { inside }), values: small, rows: high, columns: wide });
  const found = new Uint8Array(height * width);
  const top = startOf(sumsOf(small, high, wide, 0), height);
  const left = startOf(sumsOf(small, high, wide, 1), width);
  for (let row = 0; row < high; row++)
    found.set(small.subarray(row * wide, (row + 1) * wide), (top + row) * width + left);
  const name = phrase("centre.its-centre-of-mass", { width, height });
  steps.push({ name, values: found, rows: height, columns: width });
  return steps;
}

/**
 * The value up to which pixels are the darker part: the variance between the parts is largest (Otsu, 1979).
 * @type {(gray: Gray) => number | null}
 */
function otsu(gray) {
  const pixels = new Float64Array(256);
  for (const value of gray) pixels[value]++;
  const everything = pixels.reduce((sum, count, value) => sum + count * value, 0);
  let [count, total, most] = [0, 0, -1];
  let limit = null;
  for (let value = 0; value < 255; value++) {
    count += pixels[value];
    total += pixels[value] * value;
    if (count === 0 || count === gray.length) continue;
    const apart = everything * count - total * gray.length;
    const between = (apart * apart) / (count * (gray.length - count));
    if (between > most) [most, limit] = [between, value];
  }
  return limit;
}

/** @type {(gray: Gray, rows: number, columns: number, limit: number) => boolean} */
function edgeIsLight(gray, rows, columns, limit) {
  let [light, size] = [0, 0];
  gray.forEach((value, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    // As many times as it is the first or last of a row or of a column: in a single row, twice.
    const times =
      Number(row === 0) +
      Number(row === rows - 1) +
      (row > 0 && row < rows - 1 ? Number(column === 0) + Number(column === columns - 1) : 0);
    size += times;
    if (value > limit) light += times;
  });
  return 2 * light > size;
}

/**
 * The smallest rectangle with all ink: the mean of the background becomes 0, that of the ink 255.
 * @type {(gray: Gray, rows: number, columns: number, limit: number) => { values: Uint8Array, rows: number, columns: number }}
 */
function cutOut(gray, rows, columns, limit) {
  /** @type {(isInk: boolean) => number} */
  const meanOf = (isInk) => {
    let [sum, count] = [0, 0];
    for (const value of gray) if (value > limit === isInk) [sum, count] = [sum + value, count + 1];
    return Math.floor((2 * sum + count) / (2 * count));
  };
  const [low, high] = [meanOf(false), meanOf(true)];
  const ink = gray.map((value) => Number(value > limit));
  const [top, bottom] = spanOf(sumsOf(ink, rows, columns, 0));
  const [left, right] = spanOf(sumsOf(ink, rows, columns, 1));
  const [tall, wide] = [bottom - top, right - left];
  const values = Uint8Array.from({ length: tall * wide }, (_, at) => {
    const value = gray[(top + Math.floor(at / wide)) * columns + left + (at % wide)];
    return Math.max(0, Math.min(255, Math.floor(((value - low) * 255) / (high - low))));
  });
  return { values, rows: tall, columns: wide };
}

/**
 * Whether all that is not black fits into the box, and its centre of mass is within a pixel of the middle.
 * @type {(gray: Gray, rows: number, columns: number, box: number) => boolean}
 */
function isCentred(gray, rows, columns, box) {
  return [rows, columns].every((whole, axis) => {
    const weights = sumsOf(gray, rows, columns, axis);
    const [first, end] = spanOf(weights);
    const { mass, moment } = massOf(weights);
    return end - first <= box && Math.abs(2 * moment + mass - whole * mass) <= 2 * mass;
  });
}

/**
 * The sum of each row (axis 0) or of each column (axis 1).
 * @type {(values: Gray, rows: number, columns: number, axis: number) => Float64Array}
 */
function sumsOf(values, rows, columns, axis) {
  const found = new Float64Array(axis ? columns : rows);
  for (let at = 0; at < values.length; at++) found[axis ? at % columns : Math.floor(at / columns)] += values[at];
  return found;
}

/**
 * The first that is not 0, and the one after the last.
 * @type {(weights: Float64Array) => number[]}
 */
const spanOf = (weights) => [
  weights.findIndex((weight) => weight > 0),
  weights.length - weights.toReversed().findIndex((weight) => weight > 0),
];

/** @type {(weights: Float64Array) => { mass: number, moment: number }} */
const massOf = (weights) => ({
  mass: weights.reduce((sum, weight) => sum + weight, 0),
  moment: weights.reduce((sum, weight, at) => sum + weight * at, 0),
});

/**
 * Where a row of weights begins when its centre of mass comes into the middle of `whole` pixels, and it stays inside.
 * @type {(weights: Float64Array, whole: number) => number}
 */
function startOf(weights, whole) {
  const { mass, moment } = massOf(weights);
  const start = Math.floor((whole * mass - 2 * moment) / (2 * mass));
  return Math.min(Math.max(start, 0), whole - weights.length);
}
