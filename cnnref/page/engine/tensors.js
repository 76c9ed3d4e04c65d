// Tensors, { shape, data }: their places in memory, and small arithmetic that several operators share.

export const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);
export const tensorOf = (shape, data = new Float32Array(sizeOf(shape))) => ({ shape, data });

/** How far apart in memory neighbours along each axis are. */
export function stridesOf(shape) {
  const strides = new Array(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

export const dot = (place, steps) => {
  let sum = 0;
  for (let axis = 0; axis < steps.length; axis++) sum += place[axis] * steps[axis];
  return sum;
};

/** visit(place, at) for every place of a tensor, in the order of its data. `place` is one array, written over. */
export function eachPlace(shape, visit) {
  const place = new Array(shape.length).fill(0);
  const count = sizeOf(shape);
  for (let at = 0; at < count; at++) {
    visit(place, at);
    for (let axis = shape.length - 1; axis >= 0 && ++place[axis] === shape[axis]; axis--) place[axis] = 0;
  }
}

/** The place of the value that is `at` in the data. */
export const placeOf = (shape, at) => stridesOf(shape).map((step, axis) => Math.floor(at / step) % shape[axis]);

export const total = (values) => values.reduce((sum, value) => sum + value, 0);

export const between = (low, high, x) => Math.min(high, Math.max(low, x));
