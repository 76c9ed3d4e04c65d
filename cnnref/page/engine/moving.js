// Operators that only move values: nothing is computed, and the page shows where each value comes from.
/** @import { Operator, Tensor } from "./tensors.js" */

import { arrayOf, between, dot, eachPlace, emptyLike, sizeOf, stridesOf, tensorOf } from "./tensors.js";
import { phrase } from "../texts/texts.js";

/** @type {Record<string, Operator>} */
export const MOVING = {};

/** @type {Operator} */
export const same = ([x]) => x;
MOVING.Identity = same;

/** Dropout drops nothing once the training is over. */
MOVING.Dropout = ([x, ratio, training]) => {
  if (training?.data[0] && (ratio?.data[0] ?? 0.5) !== 0)
    throw new Error(phrase("engine.dropout-in-training"));
  return x;
};

/** The same numbers in another type; fractions are cut off where the type is one of whole numbers. */
MOVING.Cast = ([x], { to }) => {
  const Kind = arrayOf(to);
  if (!Kind) throw new Error(phrase("engine.cast-to", { type: to }));
  /** @type {(value: number) => number} */
  const convert = to === 9 ? (value) => Number(value !== 0) : to === 7 ? Math.trunc : (value) => value;
  return tensorOf(x.shape, Kind.from(x.data, convert));
};

/** @type {(x: Tensor, shape: number[]) => Tensor} */
const reshaped = (x, shape) => tensorOf(shape, x.data);

MOVING.Flatten = ([x], { axis = 1 }) => {
  const rows = sizeOf(x.shape.slice(0, axis < 0 ? axis + x.shape.length : axis));
  return reshaped(x, [rows, x.data.length / rows]);
};

MOVING.Reshape = ([x, wanted], { allowzero = 0 }) => {
  const shape = [...wanted.data].map((size, axis) => (size === 0 && !allowzero ? x.shape[axis] : size));
  const open = shape.indexOf(-1);
  if (open >= 0) shape[open] = x.data.length / -sizeOf(shape);
  return reshaped(x, shape);
};

MOVING.Squeeze = ([x, axes], attributes) => {
  /** @type {number[] | undefined} */
  const named = axes ? [...axes.data] : attributes.axes;
  const given = named?.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  return reshaped(
    x,
    x.shape.filter((size, axis) => (given ? !given.includes(axis) : size !== 1)),
  );
};

MOVING.Unsqueeze = ([x, axes], attributes) => {
  /** @type {number[]} */
  const given = axes ? [...axes.data] : attributes.axes;
  const rank = x.shape.length + given.length;
  const shape = [...x.shape];
  given
    .map((axis) => (axis < 0 ? axis + rank : axis))
    .sort((a, b) => a - b)
    .forEach((axis) => shape.splice(axis, 0, 1));
  return reshaped(x, shape);
};

/**
 * Where the values of a result come from: that at a place is x's at offset + place * steps, axis by axis.
 * @typedef {{ shape: number[], offset: number[], steps: { step: number, sign: number, size: number }[] }} Route
 */

/**
 * The place in x's data that a place of the result is copied from; -1 outside x.
 * @type {(x: Tensor, route: Route, place: number[]) => number}
 */
export function placeAlong(x, { offset, steps }, place) {
  let from = dot(offset, stridesOf(x.shape));
  for (let axis = 0; axis < place.length; axis++) {
    from += place[axis] * steps[axis].step;
    const seen = offset[axis] + place[axis] * steps[axis].sign;
    if (seen < 0 || seen >= steps[axis].size) return -1;
  }
  return from;
}

/**
 * Copy from x along a route; outside x it is `fill`.
 * @type {(x: Tensor, route: Route, fill?: number) => Tensor}
 */
function copied(x, { shape, offset, steps }, fill = 0) {
  const y = tensorOf(shape, emptyLike(x, sizeOf(shape)));
  const start = dot(offset, stridesOf(x.shape));
  eachPlace(shape, (place, at) => {
    let from = start;
    let inside = true;
    for (let axis = 0; axis < shape.length; axis++) {
      from += place[axis] * steps[axis].step;
      const seen = offset[axis] + place[axis] * steps[axis].sign;
      if (seen < 0 || seen >= steps[axis].size) inside = false;
    }
    y.data[at] = inside ? x.data[from] : fill;
  });
  return y;
}

/**
 * The routes of operators that copy along one.
 * @type {Record<string, (inputs: Tensor[], attributes: import("./tensors.js").Attributes) => Route>}
 */
export const ROUTES = {};

ROUTES.Transpose = ([x], attributes) => {
  /** @type {number[]} */
  const perm = attributes.perm ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
  const strides = stridesOf(x.shape);
  const steps = perm.map((axis) => ({ step: strides[axis], sign: 1, size: x.shape[axis] }));
  return { shape: perm.map((axis) => x.shape[axis]), offset: perm.map(() => 0), steps };
};

ROUTES.Slice = ([x, starts, ends, axes, given], attributes) => {
  const rank = x.shape.length;
  const [from, to] = [starts?.data ?? attributes.starts, ends?.data ?? attributes.ends];
  const which = axes?.data ?? attributes.axes ?? [...from].map((_, axis) => axis);
  const shape = [...x.shape];
  const offset = new Array(rank).fill(0);
  const sign = new Array(rank).fill(1);
  [...which].forEach((axis, index) => {
    const along = axis < 0 ? axis + rank : axis;
    const size = x.shape[along];
    const step = given?.data[index] ?? 1;
    /** @type {(value: number) => number} */
    const bound = (value) => between(step < 0 ? -1 : 0, step < 0 ? size - 1 : size, value < 0 ? value + size : value);
    offset[along] = between(0, size - 1, bound(from[index]));
    const end = to[index] < -size ? -1 : bound(to[index]);
    shape[along] = Math.max(0, Math.ceil((end - bound(from[index])) / step));
    sign[along] = step;
  });
  const steps = stridesOf(x.shape).map((step, axis) => ({
    step: step * sign[axis],
    sign: sign[axis],
    size: x.shape[axis],
  }));
  return { shape, offset, steps };
};

MOVING.Transpose = (inputs, attributes) => copied(inputs[0], ROUTES.Transpose(inputs, attributes));
MOVING.Slice = (inputs, attributes) => copied(inputs[0], ROUTES.Slice(inputs, attributes));

/**
 * The widths of a padding: before each axis, then behind each axis; `axes` names those that `pads` is about.
 * @type {(rank: number, pads: ArrayLike<number>, axes?: ArrayLike<number>) => number[]}
 */
export function padWidths(rank, pads, axes = Array.from({ length: rank }, (_, axis) => axis)) {
  const widths = new Array(2 * rank).fill(0);
  Array.from(axes).forEach((axis, index) => {
    const along = axis < 0 ? axis + rank : axis;
    widths[along] = pads[index];
    widths[along + rank] = pads[index + axes.length];
  });
  return widths;
}

MOVING.Pad = ([x, pads, value, axes], attributes) => {
  if ((attributes.mode ?? "constant") !== "constant")
    throw new Error(phrase("engine.pad-in-mode", { mode: attributes.mode }));
  const rank = x.shape.length;
  const widths = padWidths(rank, pads?.data ?? attributes.pads, axes?.data);
  const shape = x.shape.map((size, axis) => size + widths[axis] + widths[axis + rank]);
  const steps = stridesOf(x.shape).map((step, axis) => ({ step, sign: 1, size: x.shape[axis] }));
  const offset = widths.slice(0, rank).map((width) => -width);
  return copied(x, { shape, offset, steps }, value?.data[0] ?? attributes.value ?? 0);
};

MOVING.Concat = (inputs, { axis }) => {
  const along = axis < 0 ? axis + inputs[0].shape.length : axis;
  const shape = [...inputs[0].shape];
  shape[along] = inputs.reduce((sum, x) => sum + x.shape[along], 0);
  const y = tensorOf(shape, emptyLike(inputs[0], sizeOf(shape)));
  const outer = sizeOf(shape.slice(0, along));
  let at = 0;
  for (let part = 0; part < outer; part++) {
    for (const x of inputs) {
      const length = x.data.length / outer;
      for (let from = part * length; from < (part + 1) * length; from++) y.data[at++] = x.data[from];
    }
  }
  return y;
};

/** Those that leave every value at its place in the data. */
export const STAYING = new Set(["Identity", "Dropout", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze"]);

/** Those whose every output is one of the inputs. */
export const MOVES = new Set([...STAYING, "Transpose", "Slice", "Pad", "Concat"]);
