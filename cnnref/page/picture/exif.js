// Which way up a picture is: what cameras write into a file (EXIF, or failing that XMP), and turning pixels upright.
/**
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 * @typedef {{ kind: string, content: Bytes }} Text of a PNG file
 * @typedef {{ width: number, height: number, rgba: Uint8ClampedArray<ArrayBuffer> }} Pixels
 */

import { inflate, latin1, viewOf } from "./bytes.js";

/**
 * The bytes that a whole number of each type of EXIF takes.
 * @type {Record<number, number>}
 */
const SIZES = { 3: 2, 4: 4, 8: 2, 9: 4, 13: 4 };

/**
 * The orientation, 1 to 8, that EXIF data tells: a small TIFF file. undefined if it tells none.
 * @type {(data: Bytes) => number | undefined}
 */
function exifOrientation(data) {
  for (let turn = 0; turn < 2 && latin1(data.subarray(0, 6)) === "Exif\0\0"; turn++) data = data.subarray(6);
  if (data.length < 8) return undefined;
  const view = viewOf(data);
  const little = view.getUint16(0) === 0x4949; // "II", Intel's order of bytes
  const first = view.getUint32(4, little);
  const count = first + 2 <= data.length ? view.getUint16(first, little) : 0;
  let found;
  for (let index = 0, at = first + 2; index < count && at + 12 <= data.length; index++, at += 12) {
    const [tag, type] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    const size = SIZES[type] ?? 0;
    const length = size * view.getUint32(at + 4, little);
    if (tag !== 0x0112 || !length) continue;
    const place = length <= 4 ? at + 8 : view.getUint32(at + 8, little);
    if (place + length > data.length) continue;
    found = size === 2 ? view.getUint16(place, little) : view.getUint32(place, little);
  }
  return found;
}

/**
 * The orientation that XMP, a text, tells.
 * @type {(text: string) => number | undefined}
 */
function xmpOrientation(text) {
  const found = /tiff:Orientation(?:="|>)([0-9])/.exec(text);
  return found ? Number(found[1]) : undefined;
}

/**
 * The segments of a JPEG file up to its pixels: { at, marker, content }.
 * @type {(bytes: Bytes) => Generator<{ at: number, marker: number, content: Bytes }>}
 */
export function* jpegSegments(bytes) {
  const view = viewOf(bytes);
  for (let at = 2; at + 4 <= bytes.length;) {
    const marker = bytes[at + 1];
    const alone = marker < 0xc0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd9);
    if (bytes[at] !== 0xff || alone) {
      at++;
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    yield { at, marker, content: bytes.subarray(at + 4, end) };
    if (marker === 0xda) return;
    at = end;
  }
}

/**
 * The chunks of a WEBP file: { at, kind, content }.
 * @type {(bytes: Bytes) => Generator<{ at: number, kind: string, content: Bytes }>}
 */
function* webpChunks(bytes) {
  const view = viewOf(bytes);
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    yield { at, kind: latin1(bytes.subarray(at, at + 4)), content: bytes.subarray(at + 8, at + 8 + size) };
    at += 8 + size + (size & 1);
  }
}

/**
 * The orientation of a JPEG or WEBP file. What tells it is given another name in `bytes`: browsers do not agree on
 * when they turn a picture by themselves, so that they had better know nothing.
 * @type {(bytes: Bytes, kind: string) => number | undefined}
 */
export function takeOrientation(bytes, kind) {
  const exif = [];
  let xmp;
  if (kind === "JPEG") {
    for (const { at, marker, content } of jpegSegments(bytes)) {
      const start = marker === 0xe1 ? latin1(content.subarray(0, 29)) : "";
      if (start.startsWith("Exif\0\0")) exif.push(content.subarray(6));
      else if (start === "http://ns.adobe.com/xap/1.0/\0") xmp = content;
      else continue;
      bytes[at + 1] = 0xe3; // an application segment that nobody reads
    }
  } else if (kind === "WEBP") {
    for (const { at, kind: chunk, content } of webpChunks(bytes)) {
      if (chunk === "EXIF") exif.push(content);
      else if (chunk === "XMP ") xmp = content;
      else continue;
      bytes[at] = 0x78;
    }
  }
  return exifOrientation(joined(exif)) ?? (xmp && xmpOrientation(latin1(xmp)));
}

/**
 * The orientation of a PNG file, by its chunks.
 * @param {{ exif?: Bytes, texts: Record<string, Text> }} file
 */
export async function pngOrientation({ exif, texts }) {
  const profile = texts["Raw profile type exif"];
  if (!exif && profile) {
    const digits = (await pngText(profile)).split("\n").slice(3).join("");
    exif = Uint8Array.from(digits.match(/[0-9a-f]{2}/gi) ?? [], (pair) => parseInt(pair, 16));
  }
  const xmp = texts["XML:com.adobe.xmp"];
  return (exif && exifOrientation(exif)) ?? (xmp && xmpOrientation(await pngText(xmp)));
}

/**
 * The text of a tEXt, zTXt or iTXt chunk.
 * @type {(text: Text) => Promise<string>}
 */
async function pngText({ kind, content }) {
  /** @type {(from: number, count: number) => number} */
  const ends = (from, count) => (count ? ends(content.indexOf(0, from) + 1, count - 1) : from);
  const start = ends(0, 1);
  if (kind === "tEXt") return latin1(content.subarray(start));
  const packed = kind === "zTXt" || content[start] !== 0;
  const text = content.subarray(kind === "zTXt" ? start + 1 : ends(start + 2, 2));
  if (!packed) return latin1(text);
  let plain = "";
  try {
    for await (const piece of inflate([text])) {
      plain += latin1(piece);
      if (plain.length > 2 ** 20) break;
    }
  } catch {} // a damaged text is no damage to the picture
  return plain;
}

/** @type {(parts: Bytes[]) => Bytes} */
function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

/**
 * A picture as its orientation says: mirrored, turned, or as it is.
 * @type {(picture: Pixels & { orientation?: number }) => Pixels}
 */
export function upright({ width, height, rgba, orientation }) {
  if (!(orientation && orientation >= 2 && orientation <= 8)) return { width, height, rgba };
  const across = orientation >= 5; // rows become columns
  const [newWidth, newHeight] = across ? [height, width] : [width, height];
  const bottomFirst = [3, 4, 6, 7].includes(orientation);
  const rightFirst = [2, 3, 7, 8].includes(orientation);
  const pixels = new Uint32Array(rgba.buffer, rgba.byteOffset, width * height);
  const turned = new Uint32Array(pixels.length);
  for (let y = 0, to = 0; y < newHeight; y++) {
    for (let x = 0; x < newWidth; x++, to++) {
      const row = across ? x : y;
      const column = across ? y : x;
      turned[to] = pixels[(bottomFirst ? height - 1 - row : row) * width + (rightFirst ? width - 1 - column : column)];
    }
  }
  return { width: newWidth, height: newHeight, rgba: new Uint8ClampedArray(turned.buffer) };
}
