// Occlusion: how far the probability of a class falls when a piece of the picture is covered (Zeiler and Fergus, 2014).
/** @typedef {{ patch: number, stride: number, rows: number[], columns: number[] }} Plan the size of the patch, and the rows and columns of its corner */

/**
 * Upper left corners of a patch along one axis: a stride apart, the last one flush with the edge.
 * @type {(size: number, patch: number, stride: number) => number[]}
 */
function corners(size, patch, stride) {
  const found = [];
  for (let at = 0; at + patch <= size; at += stride) found.push(at);
  if (found[found.length - 1] + patch < size) found.push(size - patch);
  return found;
}

/**
 * What occlusion does with a picture of this size: { patch, stride, rows: [...], columns: [...] }
 * @type {(height: number, width: number) => Plan}
 */
function occlusionPlan(height, width) {
  const patch = Math.max(1, Math.floor(Math.min(height, width) / 7 + 0.5));
  const stride = Math.max(1, Math.floor(patch / 2));
  return { patch, stride, rows: corners(height, patch, stride), columns: corners(width, patch, stride) };
}

/**
 * The mean of each channel of a picture [height, width, channels].
 * @type {(image: ArrayLike<number>, channels: number) => Float64Array}
 */
function channelMeans(image, channels) {
  const sums = new Float64Array(channels);
  for (let at = 0; at < image.length; at++) sums[at % channels] += image[at];
  return sums.map((sum) => sum / (image.length / channels));
}

/**
 * The picture with a patch of the mean colour at (top, left).
 * @param {ArrayLike<number>} image [height, width, channels]
 * @param {number[]} shape
 * @param {number} top
 * @param {number} left
 * @param {number} patch
 * @param {ArrayLike<number>} fill
 */
function covered(image, [, width, channels], top, left, patch, fill) {
  const copy = Float32Array.from(image);
  for (let row = top; row < top + patch; row++) {
    for (let column = left; column < left + patch; column++) {
      for (let channel = 0; channel < channels; channel++)
        copy[(row * width + column) * channels + channel] = fill[channel];
    }
  }
  return copy;
}

/**
 * How much the probability of a class falls when a patch covers the picture.
 * @param {ArrayLike<number>} image [height, width, channels], values 0..255
 * @param {number[]} shape [height, width, channels]
 * @param {(image: ArrayLike<number>) => number} probability runs the network
 * @param {(done: number, of: number) => void} progress is called after each row of patches
 */
export function occlude(image, shape, probability, progress = () => {}) {
  const plan = occlusionPlan(shape[0], shape[1]);
  const fill = channelMeans(image, shape[2]);
  const whole = probability(image);
  const values = new Float32Array(plan.rows.length * plan.columns.length);
  plan.rows.forEach((top, row) => {
    plan.columns.forEach((left, column) => {
      const at = row * plan.columns.length + column;
      values[at] = whole - probability(covered(image, shape, top, left, plan.patch, fill));
    });
    progress(row + 1, plan.rows.length);
  });
  return { values, rows: plan.rows.length, columns: plan.columns.length, plan };
}
