// From a picture file to what a network sees, as `cnnref predict` reads it: PNG by the page's own reader, the rest by
// the browser's. Whatever is wrong with a file is told in one sentence.
/**
 * @import { Bytes, Pixels } from "./exif.js"
 * @import { PictureRule } from "./resample.js"
 */

import { latin1, viewOf } from "./bytes.js";
import { jpegSegments, takeOrientation, upright } from "./exif.js";
import { readPng } from "./png.js";
import { readPixels } from "./resample.js";
import { messageOf } from "../engine/run.js";
import { phrase } from "../texts/texts.js";

const MOST_PIXELS = 89478485; // as many as Pillow opens without a warning
const STRIP = 2 ** 22; // pixels that a canvas holds at a time

/**
 * What a network of [height, width, channels] sees of a picture file.
 * @param {Blob & { name?: string }} blob the file; its name is used in messages
 * @param {number} height
 * @param {number} width
 * @param {number} channels
 * @param {PictureRule} [rule] how it comes to that size
 * @returns {Promise<Uint8Array<ArrayBuffer>>} [height, width, channels], values 0..255
 */
export async function readPicture(blob, height, width, channels, rule) {
  const picture = await decodePicture(blob);
  return readPixels(picture.rgba, picture.width, picture.height, height, width, channels, rule);
}

/**
 * The first picture of a file, upright.
 * @type {(blob: Blob & { name?: string }) => Promise<Pixels>}
 */
export async function decodePicture(blob) {
  const name = blob.name || phrase("read.the-picture");
  const bytes = await blob.arrayBuffer().then(
    (buffer) => new Uint8Array(buffer),
    () => null,
  );
  if (!bytes) throw new Error(phrase("read.cannot-be-read-it", { name }));
  if (!bytes.length) throw new Error(phrase("read.is-empty-so-it", { name }));
  const kind = formatOf(bytes);
  if (!kind) throw new Error(phrase("read.is-no-picture-bmp", { name }));
  if (kind === "TIFF" || kind === "PPM") {
    throw new Error(phrase("read.is-a-file-which", { name, kind }));
  }
  try {
    if (pixelsOf(bytes, kind) <= MOST_PIXELS) {
      return upright(await (kind === "PNG" ? readPng(bytes) : browserRead(bytes, kind)));
    }
  } catch (error) {
    const why = error instanceof RangeError ? phrase("read.it-ends-too-early") : messageOf(error);
    throw new Error(phrase("read.is-damaged-or-cut", { name, why }));
  }
  throw new Error(phrase("read.too-many-pixels", { name, count: MOST_PIXELS }));
}

/**
 * The format that the first bytes tell; null if it is none of those that `cnnref predict` reads.
 * @type {(bytes: Uint8Array) => string | null}
 */
export function formatOf(bytes) {
  const start = latin1(bytes.subarray(0, 16));
  /** @type {Record<string, RegExp>} */
  const marks = {
    PNG: /^\x89PNG\r\n\x1a\n/,
    JPEG: /^\xff\xd8\xff/,
    GIF: /^GIF8[79]a/,
    BMP: /^BM/,
    WEBP: /^RIFF[^]{4}WEBPVP8[ LX]/,
    TIFF: /^(II[*+]\0|MM\0[*+])/,
    PPM: /^P[0-6fy]\s/,
  };
  return Object.keys(marks).find((kind) => marks[kind].test(start)) ?? null;
}

/**
 * How many pixels a file claims to have, before any is decoded.
 * @type {(bytes: Bytes, kind: string) => number}
 */
function pixelsOf(bytes, kind) {
  const view = viewOf(bytes);
  /** @type {Record<string, () => number[]>} */
  const readers = {
    PNG: () => [view.getUint32(16), view.getUint32(20)],
    GIF: () => gifStart(view).size,
    BMP: () =>
      view.getUint32(14, true) === 12
        ? [view.getUint16(18, true), view.getUint16(20, true)]
        : [view.getInt32(18, true), Math.abs(view.getInt32(22, true))],
    JPEG: () => jpegSize(bytes),
    WEBP: () => webpSize(view, latin1(bytes.subarray(12, 16))),
  };
  const [width, height] = readers[kind]();
  if (!(width > 0 && height > 0)) throw new Error(phrase("read.it-has-no-size"));
  return width * height;
}

/**
 * Where a GIF begins: { size, ground }. The first frame may reach beyond the screen, or leave some of it bare: there
 * Pillow has the first colour of the palette, `ground`; null if the frame has a transparent colour.
 * @type {(view: DataView) => { size: number[], ground: number[] | null }}
 */
function gifStart(view) {
  const [screen, flags] = [[view.getUint16(6, true), view.getUint16(8, true)], view.getUint8(10)];
  let [at, clear, palette] = [13, false, flags & 128 ? 13 : 0];
  if (palette) at += 6 << (flags & 7);
  for (; view.getUint8(at) === 0x21; at++) {
    if (view.getUint8(at + 1) === 0xf9 && view.getUint8(at + 3) & 1) clear = true;
    at += 2;
    while (view.getUint8(at)) at += view.getUint8(at) + 1;
  }
  if (view.getUint8(at) !== 0x2c) throw new Error(phrase("read.it-has-no-frame"));
  if (view.getUint8(at + 9) & 128) palette = at + 10;
  const ends = [1, 3].map((axis) => view.getUint16(at + axis, true) + view.getUint16(at + axis + 4, true));
  const ground = [0, 1, 2].map((part) => (palette ? view.getUint8(palette + part) : 0));
  return { size: [Math.max(screen[0], ends[0]), Math.max(screen[1], ends[1])], ground: clear ? null : ground };
}

/** @type {(bytes: Bytes) => number[]} */
function jpegSize(bytes) {
  for (const { marker, content } of jpegSegments(bytes)) {
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame) return [viewOf(content).getUint16(3), viewOf(content).getUint16(1)];
  }
  throw new Error(phrase("read.it-has-no-frame"));
}

/** @type {(view: DataView, kind: string) => number[]} */
function webpSize(view, kind) {
  const bits = kind === "VP8L" ? view.getUint32(21, true) : 0;
  if (kind === "VP8L") return [(bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1];
  if (kind === "VP8 ") return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
  return [(view.getUint32(24, true) & 0xffffff) + 1, (view.getUint32(26, true) >>> 8) + 1];
}

/**
 * The first picture of a file as the browser reads it: { width, height, rgba, orientation }
 * @type {(bytes: Bytes, kind: string) => Promise<Pixels & { orientation?: number }>}
 */
export async function browserRead(bytes, kind) {
  const orientation = takeOrientation(bytes, kind);
  // Pillow does without the end mark of a GIF; more of them than there should be hurt nobody.
  const content = new Blob(kind === "GIF" ? [bytes, "\0;"] : [bytes], { type: `image/${kind.toLowerCase()}` });
  /** @type {ImageBitmapOptions} */
  const settings = { premultiplyAlpha: "none", colorSpaceConversion: "none" };
  const bitmap = await createImageBitmap(content, settings).catch(() => {
    throw new Error(phrase("read.the-browser-cannot-read"));
  });
  const { width, height } = bitmap;
  const rgba = pixelsIn(bitmap);
  bitmap.close();
  const ground = kind === "GIF" ? gifStart(viewOf(bytes)).ground : null;
  for (let at = 0; ground && at < rgba.length; at += 4) if (!rgba[at + 3]) rgba.set([...ground, 255], at);
  return { width, height, rgba, orientation };
}

/**
 * The pixels of a bitmap, strip by strip. A canvas multiplies by alpha; with 16 bits the way back loses nothing.
 * @type {(bitmap: ImageBitmap) => Uint8ClampedArray<ArrayBuffer>}
 */
function pixelsIn(bitmap) {
  const { width, height } = bitmap;
  const rgba = new Uint8ClampedArray(4 * width * height);
  const canvas = document.createElement("canvas");
  const rows = Math.min(height, 4096, Math.max(1, Math.floor(STRIP / width)));
  [canvas.width, canvas.height] = [width, rows];
  const settings = { willReadFrequently: true, colorType: "float16" }; // colorType is newer than TypeScript's list
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", settings));
  context.globalCompositeOperation = "copy";
  for (let top = 0; top < height; top += rows) {
    context.drawImage(bitmap, 0, -top);
    const strip = context.getImageData(0, 0, width, Math.min(rows, height - top));
    rgba.set(strip.data, 4 * top * width);
  }
  return rgba;
}
