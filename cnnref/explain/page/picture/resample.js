// From decoded pixels to what a network sees: on white, gray or in colour, cropped to the middle and resized. Whole
// numbers throughout, the same as Pillow's, so that the page and `cnnref predict` see the same picture to the byte.
"use strict";

const PRECISION = 22; // bits behind the point of a weight

/** Python's round: halves go to the even neighbour. */
function roundHalfEven(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low & 1) : Math.round(value);
}

/** The largest centred box with the wanted aspect ratio. */
function centreBox(width, height, wantedWidth, wantedHeight) {
  const boxWidth = Math.min(width, Math.max(1, roundHalfEven((height * wantedWidth) / wantedHeight)));
  const boxHeight = Math.min(height, Math.max(1, roundHalfEven((width * wantedHeight) / wantedWidth)));
  return { left: (width - boxWidth) >> 1, top: (height - boxHeight) >> 1, width: boxWidth, height: boxHeight };
}

/**
 * For each of `wanted` places, which of `size` values it is the mean of: { first, weights }, weights * 2**22.
 * The weights fall off in a straight line; when shrinking, they reach as much further as the picture is larger.
 */
function meansOf(size, wanted) {
  const scale = size / wanted;
  const reach = Math.max(1, scale);
  return Array.from({ length: wanted }, (_, place) => {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const last = Math.min(size, Math.trunc(center + reach + 0.5));
    const falling = (at) => Math.max(0, 1 - Math.abs((at + first - center + 0.5) * (1 / reach)));
    const weights = Float64Array.from({ length: last - first }, (_, at) => falling(at));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: Int32Array.from(weights, (weight) => Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION)) };
  });
}

/** Weighted means along a row or a column: `count` means of values that are `apart` in `from`, into `to`. */
function blend(from, start, apart, means, to, at, step) {
  for (const { first, weights } of means) {
    let sum = 1 << (PRECISION - 1);
    for (let index = 0, place = start + first * apart; index < weights.length; index++, place += apart) {
      sum += weights[index] * from[place];
    }
    to[at] = sum >> PRECISION; // at most 255 * 2**22 and a little: within 31 bits
    at += step;
  }
}

/** A row of pixels on white, as gray or RGB values. */
function composeRow(rgba, start, count, channels, row) {
  for (let index = 0, from = start, to = 0; index < count; index++, from += 4, to += channels) {
    const alpha = rgba[from + 3];
    const red = onWhite(rgba[from], alpha);
    const green = onWhite(rgba[from + 1], alpha);
    const blue = onWhite(rgba[from + 2], alpha);
    row[to] = channels === 1 ? (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16 : red;
    if (channels === 3) [row[to + 1], row[to + 2]] = [green, blue];
  }
}

/** value * alpha + 255 * (255 - alpha), divided by 255 and rounded. */
function onWhite(value, alpha) {
  const sum = value * alpha + 255 * (255 - alpha) + 128;
  return (sum + (sum >> 8)) >> 8;
}

/**
 * What a network of [height, width, channels] sees of decoded pixels.
 * @param {Uint8ClampedArray} rgba [sourceHeight, sourceWidth, 4], colours not multiplied by alpha
 * @returns {Uint8Array} [height, width, channels], 1 (gray) or 3 (RGB) channels
 */
function readPixels(rgba, sourceWidth, sourceHeight, height, width, channels) {
  const box = centreBox(sourceWidth, sourceHeight, width, height);
  const [across, down] = [meansOf(box.width, width), meansOf(box.height, height)];
  const row = new Uint8Array(box.width * channels);
  const narrow = new Uint8ClampedArray(box.height * width * channels);
  for (let y = 0; y < box.height; y++) {
    composeRow(rgba, 4 * ((box.top + y) * sourceWidth + box.left), box.width, channels, row);
    for (let channel = 0; channel < channels; channel++) {
      blend(row, channel, channels, across, narrow, y * width * channels + channel, channels);
    }
  }
  const small = new Uint8ClampedArray(height * width * channels);
  for (let at = 0; at < width * channels; at++) blend(narrow, at, width * channels, down, small, at, width * channels);
  return new Uint8Array(small.buffer);
}
