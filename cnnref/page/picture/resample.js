// From decoded pixels to what a network sees: on white, gray or in colour, cropped to the middle and resized. Whole
// numbers throughout, the same as Pillow's, so that the page and `cnnref predict` see the same picture to the byte.
/**
 * @typedef {{ left: number, top: number, width: number, height: number }} Box of pixels
 * @typedef {Uint8Array | Uint8ClampedArray} Values
 */

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
 * For each of `wanted` places, which of `size` values it is the mean of: { first, weights }, weights * 2**22.
 * The weights fall off in a straight line; when shrinking, they reach as much further as the picture is larger.
 * @type {(size: number, wanted: number) => { first: number, weights: Int32Array }[]}
 */
function meansOf(size, wanted) {
  const scale = size / wanted;
  const reach = Math.max(1, scale);
  return Array.from({ length: wanted }, (_, place) => {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const last = Math.min(size, Math.trunc(center + reach + 0.5));
    /** @type {(at: number) => number} */
    const falling = (at) => Math.max(0, 1 - Math.abs((at + first - center + 0.5) * (1 / reach)));
    const weights = Float64Array.from({ length: last - first }, (_, at) => falling(at));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: Int32Array.from(weights, (weight) => Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION)) };
  });
}

/**
 * Resize the middle axis: [before, size, after] to [before, wanted, after].
 * @type {(values: Values, before: number, size: number, after: number, wanted: number) => Values}
 */
function resizeAxis(values, before, size, after, wanted) {
  if (size === wanted) return values;
  const means = meansOf(size, wanted);
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
 * @returns {Uint8Array<ArrayBuffer>} [height, width, channels], 1 (gray) or 3 (RGB) channels
 */
export function readPixels(rgba, sourceWidth, sourceHeight, height, width, channels) {
  const box = centreBox(sourceWidth, sourceHeight, width, height);
  const values = compose(rgba, sourceWidth, box, channels);
  /** @type {(rows: number, from: Values) => Values} */
  const across = (rows, from) => resizeAxis(from, rows, box.width, channels, width);
  /** @type {(columns: number, from: Values) => Values} */
  const down = (columns, from) => resizeAxis(from, 1, box.height, columns * channels, height);
  // Each pass rounds, so that their order shows. Pillow (13 and later) begins with what saves most.
  const tall = box.height > height && box.height - height > 2 * (box.width - width);
  return Uint8Array.from(tall ? across(height, down(box.width, values)) : down(width, across(box.height, values)));
}
