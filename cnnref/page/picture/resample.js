// From decoded pixels to what a network sees: on white, gray or in colour, cropped to the middle and resized. Whole
// numbers throughout, the same as Pillow's, so that the page and `cnnref predict` see the same picture to the byte.
/**
 * @typedef {{ left: number, top: number, width: number, height: number }} Box of pixels
 * @typedef {Uint8Array | Uint8ClampedArray} Values
 * @typedef {{ shorter_side: number | null, interpolation: string, ink_box?: number | null }} PictureRule
 *   the shorter side before the middle is cropped, null to crop first; "bilinear" or "bicubic"; pixels of the longer
 *   side of a digit that is centred (centre.js), null to take pictures as they are
 */

import { centringSteps } from "./centre.js";

/**
 * How pictures are read where nothing else is said.
 * @type {PictureRule}
 */
const USUAL = { shorter_side: null, interpolation: "bilinear" };

const PRECISION = 22; // bits behind the point of a weight

/**
 * Python's round: halves go to the even neighbour.
 * @type {(value: number) => number}
 */
function roundHalfEven(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low & 1) : Math.round(value);
}

/**
 * The largest centred box with the wanted aspect ratio.
 * @type {(width: number, height: number, wantedWidth: number, wantedHeight: number) => Box}
 */
function centreBox(width, height, wantedWidth, wantedHeight) {
  const boxWidth = Math.min(width, Math.max(1, roundHalfEven((height * wantedWidth) / wantedHeight)));
  const boxHeight = Math.min(height, Math.max(1, roundHalfEven((width * wantedHeight) / wantedWidth)));
  return { left: (width - boxWidth) >> 1, top: (height - boxHeight) >> 1, width: boxWidth, height: boxHeight };
}

/**
 * How much a value counts at a distance, and how far that goes: in a straight line, or along Pillow's cubic.
 * @type {Record<string, { reach: number, weight: (distance: number) => number }>}
 */
const RESAMPLERS = {
  bilinear: { reach: 1, weight: (distance) => Math.max(0, 1 - Math.abs(distance)) },
  bicubic: {
    reach: 2,
    weight: (distance) => {
      const [x, a] = [Math.abs(distance), -0.5];
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    },
  },
};

/**
 * For each of `wanted` places, which of `size` values it is the mean of: { first, weights }, weights * 2**22.
 * When shrinking, the weights reach as much further as the picture is larger.
 * @type {(size: number, wanted: number, filter: string) => { first: number, weights: Int32Array }[]}
 */
function meansOf(size, wanted, filter) {
  const scale = size / wanted;
  const stretch = Math.max(1, scale);
  const reach = RESAMPLERS[filter].reach * stretch;
  return Array.from({ length: wanted }, (_, place) => {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const last = Math.min(size, Math.trunc(center + reach + 0.5));
    /** @type {(at: number) => number} */
    const falling = (at) => RESAMPLERS[filter].weight((at + first - center + 0.5) * (1 / stretch));
    const weights = Float64Array.from({ length: last - first }, (_, at) => falling(at));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    /** @type {(weight: number) => number} */
    const whole = (weight) => Math.trunc((weight < 0 ? -0.5 : 0.5) + (weight / sum) * 2 ** PRECISION);
    return { first, weights: Int32Array.from(weights, whole) };
  });
}

/**
 * Resize the middle axis: [before, size, after] to [before, wanted, after].
 * @type {(values: Values, before: number, size: number, after: number, wanted: number, filter: string) => Values}
 */
function resizeAxis(values, before, size, after, wanted, filter) {
  if (size === wanted) return values;
  const means = meansOf(size, wanted, filter);
  const found = new Uint8ClampedArray(before * wanted * after);
  let to = 0;
  for (let outer = 0; outer < before; outer++) {
    for (const { first, weights } of means) {
      for (let inner = 0; inner < after; inner++) {
        let sum = 1 << (PRECISION - 1);
        let from = (outer * size + first) * after + inner;
        for (let index = 0; index < weights.length; index++, from += after) sum += weights[index] * values[from];
        found[to++] = sum >> PRECISION; // at most 255 * 2**22 and a little: within 31 bits
      }
    }
  }
  return found;
}

/**
 * [box.height, box.width, channels] of the pixels in a box: on white, as gray or RGB values.
 * @type {(rgba: Uint8ClampedArray, sourceWidth: number, box: Box, channels: number) => Uint8Array}
 */
function compose(rgba, sourceWidth, box, channels) {
  const values = new Uint8Array(box.height * box.width * channels);
  for (let row = 0, to = 0; row < box.height; row++) {
    let from = 4 * ((box.top + row) * sourceWidth + box.left);
    for (let column = 0; column < box.width; column++, from += 4, to += channels) {
      const alpha = rgba[from + 3];
      const red = onWhite(rgba[from], alpha);
      const green = onWhite(rgba[from + 1], alpha);
      const blue = onWhite(rgba[from + 2], alpha);
      if (channels === 1) values[to] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
      else {
        values[to] = red;
        values[to + 1] = green;
        values[to + 2] = blue;
      }
    }
  }
  return values;
}

/**
 * value * alpha + 255 * (255 - alpha), divided by 255 and rounded.
 * @type {(value: number, alpha: number) => number}
 */
function onWhite(value, alpha) {
  const sum = value * alpha + 255 * (255 - alpha) + 128;
  return (sum + (sum >> 8)) >> 8;
}

/**
 * What a network of [height, width, channels] sees of decoded pixels.
 * @param {Uint8ClampedArray} rgba [sourceHeight, sourceWidth, 4], colours not multiplied by alpha
 * @param {number} sourceWidth
 * @param {number} sourceHeight
 * @param {number} height
 * @param {number} width
 * @param {number} channels
 * @param {PictureRule} rule how the picture comes to that size
 * @returns {Uint8Array<ArrayBuffer>} [height, width, channels], 1 (gray) or 3 (RGB) channels
 */
export function readPixels(rgba, sourceWidth, sourceHeight, height, width, channels, rule = USUAL) {
  const steps = stepsOfCentring(rgba, sourceWidth, sourceHeight, height, width, channels, rule);
  if (steps) return Uint8Array.from(steps[steps.length - 1].values);
  if (rule.shorter_side === null) {
    const box = centreBox(sourceWidth, sourceHeight, width, height);
    const values = compose(rgba, sourceWidth, box, channels);
    return Uint8Array.from(resize(values, box.height, box.width, channels, height, width, rule.interpolation));
  }
  const side = Math.max(rule.shorter_side, height, width);
  const wide = sourceWidth > sourceHeight;
  const fullWidth = wide ? Math.floor((side * sourceWidth) / sourceHeight) : side;
  const fullHeight = wide ? side : Math.floor((side * sourceHeight) / sourceWidth);
  const whole = compose(rgba, sourceWidth, { left: 0, top: 0, width: sourceWidth, height: sourceHeight }, channels);
  const full = resize(whole, sourceHeight, sourceWidth, channels, fullHeight, fullWidth, rule.interpolation);
  const [left, top] = [roundHalfEven((fullWidth - width) / 2), roundHalfEven((fullHeight - height) / 2)];
  const found = new Uint8Array(height * width * channels);
  for (let row = 0; row < height; row++) {
    const from = ((top + row) * fullWidth + left) * channels;
    found.set(full.subarray(from, from + width * channels), row * width * channels);
  }
  return found;
}

/**
 * The pictures on the way from decoded pixels to a centred digit; null where the rule has none, or there is no ink.
 * @type {(rgba: Uint8ClampedArray, sourceWidth: number, sourceHeight: number, height: number, width: number,
 *         channels: number, rule?: PictureRule) => import("./centre.js").Step[] | null}
 */
export function stepsOfCentring(rgba, sourceWidth, sourceHeight, height, width, channels, rule = USUAL) {
  if (!rule.ink_box || channels !== 1) return null;
  const gray = compose(rgba, sourceWidth, { left: 0, top: 0, width: sourceWidth, height: sourceHeight }, 1);
  return centringSteps(gray, sourceHeight, sourceWidth, height, width, rule.ink_box, (values, rows, columns, high, wide) =>
    resize(values, rows, columns, 1, high, wide, rule.interpolation),
  );
}

/**
 * [rows, columns, channels] to [height, width, channels].
 * @type {(values: Values, rows: number, columns: number, channels: number, height: number, width: number,
 *         filter: string) => Values}
 */
function resize(values, rows, columns, channels, height, width, filter) {
  /** @type {(count: number, from: Values) => Values} */
  const across = (count, from) => resizeAxis(from, count, columns, channels, width, filter);
  /** @type {(count: number, from: Values) => Values} */
  const down = (count, from) => resizeAxis(from, 1, rows, count * channels, height, filter);
  // Each pass rounds, so that their order shows. Pillow (13 and later) begins with what saves most.
  const tall = rows > height && rows - height > 2 * (columns - width);
  return tall ? across(height, down(columns, values)) : down(width, across(rows, values));
}
