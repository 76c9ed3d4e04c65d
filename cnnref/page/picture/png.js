// Reads a PNG file (ISO/IEC 15948) as Pillow does. A browser reads PNG too, but its canvas multiplies colours by
// their alpha and rounds, and shortens 16 bits in its own way.
/**
 * @import { Bytes, Pixels } from "./exif.js"
 * @typedef {{ columns: number, size: number, x: number, y: number, step: number, first: boolean }} Row
 */

import { inflate, latin1, viewOf } from "./bytes.js";
import { pngOrientation } from "./exif.js";
import { phrase } from "../texts/texts.js";

/** @type {Record<number, number>} */
const PNG_SAMPLES = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** @type {Record<number, number[]>} */
const PNG_DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
/** The passes of an interlaced picture: first column, first row, columns apart, rows apart. */
export const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/** @type {(bytes: Uint8Array) => number} */
export const crc32 = (bytes) => ~bytes.reduce((crc, byte) => CRC[(crc ^ byte) & 255] ^ (crc >>> 8), -1) >>> 0;
/** @type {(content: Uint8Array) => string} */
const keyword = (content) => latin1(content.subarray(0, content.indexOf(0)));

/**
 * @typedef {{ width: number, height: number, depth: number, color: number, samples: number, interlace: number }} Header
 *
 * @typedef {object} PngFile what the chunks of a PNG file hold
 * @property {Header} [header]
 * @property {Bytes} [palette]
 * @property {Bytes} [clear]
 * @property {Bytes[]} data
 * @property {Bytes} [exif]
 * @property {Record<string, import("./exif.js").Text>} texts
 *
 * @typedef {PngFile & { header: Header }} WholePng
 */

/**
 * The first picture of a PNG file: { width, height, rgba, orientation }, orientation as EXIF has it.
 * @type {(bytes: Bytes) => Promise<Pixels & { orientation?: number }>}
 */
export async function readPng(bytes) {
  const file = pngChunks(bytes);
  const { width, height } = file.header;
  const rgba = new Uint8ClampedArray(4 * width * height);
  await paintRows(file, rgba);
  return { width, height, rgba, orientation: await pngOrientation(file) };
}

/**
 * What the chunks hold: { header, palette, clear, data: [...], exif, texts: { keyword: chunk } }.
 * Checksums count up to the pixels, which have one of their own; a file that ends after its pixels is whole enough.
 * @type {(bytes: Bytes) => WholePng}
 */
function pngChunks(bytes) {
  const view = viewOf(bytes);
  /** @type {PngFile} */
  const file = { data: [], texts: {} };
  for (let at = 8, last = ""; at + 8 <= bytes.length;) {
    const kind = latin1(bytes.subarray(at + 4, at + 8));
    const end = at + 8 + view.getUint32(at);
    const content = bytes.subarray(at + 8, end);
    if (!/^\w{4}$/.test(kind) || kind === "IEND") break;
    const early = !file.data.length && kind !== "IDAT";
    if (early && (end + 4 > bytes.length || crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end))) {
      throw new Error(phrase("png.the-checksum-of-its", { kind }));
    }
    if (kind !== "IDAT" && end > bytes.length) throw new Error(phrase("png.its-chunk-is-cut", { kind }));
    if (at === 8) file.header = pngHeader(kind, content);
    else if (kind === "IDAT") {
      if (!file.data.length || last === kind) file.data.push(content);
    } else if (kind === "PLTE" && early) file.palette = content;
    else if (kind === "tRNS") file.clear = content;
    else if (kind === "eXIf") file.exif = content;
    else if (kind === "fcTL" && early) checkFrame(viewOf(content), headerOf(file));
    else if (["tEXt", "zTXt", "iTXt"].includes(kind)) file.texts[keyword(content)] = { kind, content };
    at = end + 4;
    last = kind;
  }
  if (!file.data.length) throw new Error(phrase("png.it-has-no-pixels"));
  return { ...file, header: headerOf(file) };
}

/** @type {(file: PngFile) => Header} */
function headerOf({ header }) {
  if (!header) throw new Error(phrase("png.it-has-no-header"));
  return header;
}

/** @type {(kind: string, content: Bytes) => Header} */
function pngHeader(kind, content) {
  if (kind !== "IHDR" || content.length < 13) throw new Error(phrase("png.it-has-no-header"));
  const [depth, color, , filter, interlace] = content.subarray(8);
  if (!PNG_DEPTHS[color]?.includes(depth) || filter) throw new Error(phrase("png.its-header-makes-no"));
  const [width, height] = [viewOf(content).getUint32(0), viewOf(content).getUint32(4)];
  return { width, height, depth, color, samples: PNG_SAMPLES[color], interlace };
}

/**
 * The first frame of an animation is the picture itself: as wide, as high, and 0 from its left and its top.
 * @type {(frame: DataView, header: Header) => void}
 */
function checkFrame(frame, { width, height }) {
  const [frameWidth, frameHeight, left, top] = [4, 8, 12, 16].map((at) => frame.getUint32(at));
  const whole = frameWidth === width && frameHeight === height && !left && !top;
  if (!whole) throw new Error(phrase("png.its-first-frame-is"));
}

/**
 * Every row of every pass: { columns, size (bytes), x, y, step (columns apart), first (of its pass) }.
 * @type {(header: Header) => Generator<Row>}
 */
function* pngRows({ width, height, depth, samples, interlace }) {
  for (const [x, top, step, down] of interlace ? ADAM7 : [[0, 0, 1, 1]]) {
    const columns = Math.ceil((width - x) / step);
    if (columns < 1) continue;
    const size = Math.ceil((columns * samples * depth) / 8);
    for (let y = top; y < height; y += down) yield { columns, size, x, y, step, first: y === top };
  }
}

/**
 * Fill `rgba` with the rows. Where a stream ends after a row, those below are 0, as Pillow has it.
 * @type {(file: WholePng, rgba: Uint8ClampedArray<ArrayBuffer>) => Promise<void>}
 */
async function paintRows(file, rgba) {
  const paint = painter(file, rgba);
  const apart = Math.ceil((file.header.samples * file.header.depth) / 8);
  const rows = pngRows(file.header);
  /** @type {(row: Row) => Uint8Array[]} */
  const fresh = (row) => [new Uint8Array(1 + row.size), new Uint8Array(1 + row.size)];
  let row = rows.next().value || null;
  let [line, above] = fresh(row);
  let [filled, painted] = [0, 0];
  for await (const piece of inflate(file.data)) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + line.length - filled);
      line.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < line.length) break;
      unfilter(line, above, apart);
      paint(row, line);
      row = rows.next().value || null;
      if (!row) return;
      [line, above] = row.first ? fresh(row) : [above, line];
      filled = 0;
      painted++;
    }
  }
  if (filled || !painted) throw new Error(phrase("png.its-pixels-are-cut"));
  for (; row; row = rows.next().value || null) paint(row, new Uint8Array(1 + row.size));
}

/**
 * How a byte is predicted from those to the left, above, and above to the left; the file holds the difference.
 * @type {((left: number, above: number, corner: number) => number)[]}
 */
const FILTERS = [
  () => 0,
  (left) => left,
  (left, above) => above,
  (left, above) => (left + above) >> 1,
  (left, above, corner) => {
    const [toLeft, toAbove] = [Math.abs(above - corner), Math.abs(left - corner)];
    const toCorner = Math.abs(left + above - 2 * corner);
    return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
  },
];

/**
 * Add the prediction to a row, in place; byte 0 says which filter, `apart` is how many bytes a pixel takes.
 * @type {(line: Uint8Array, above: Uint8Array, apart: number) => void}
 */
function unfilter(line, above, apart) {
  const foretell = FILTERS[line[0]];
  if (!foretell) throw new Error(phrase("png.it-has-a-filter"));
  for (let at = 1; at < line.length; at++) {
    const inside = at > apart;
    line[at] += foretell(inside ? line[at - apart] : 0, above[at], inside ? above[at - apart] : 0);
  }
}

/**
 * A function that puts a row's pixels where they belong.
 * @type {(file: WholePng, rgba: Uint8ClampedArray<ArrayBuffer>) => (row: Row, line: Uint8Array) => void}
 */
function painter({ header, palette, clear }, rgba) {
  const { width, depth, color, samples } = header;
  const levels = pngLevels(depth, color);
  const pixels = new Uint32Array(rgba.buffer);
  const colors = color === 3 ? new Uint32Array(pngPalette(palette, clear).buffer) : null;
  const [green, blue] = samples > 2 ? [1, 2] : [0, 0];
  const alpha = color & 4 ? samples - 1 : 0;
  const isClear = clear && color < 3 ? clearTest(header, clear, rgba) : () => false;
  const values = new Uint16Array(width * samples);
  return ({ columns, x, y, step }, line) => {
    unpack(line, depth, values.subarray(0, columns * samples));
    for (let from = 0, pixel = y * width + x; from < columns * samples; from += samples, pixel += step) {
      if (colors) {
        pixels[pixel] = colors[values[from]];
        continue;
      }
      const to = 4 * pixel;
      rgba[to] = levels[values[from]];
      rgba[to + 1] = levels[values[from + green]];
      rgba[to + 2] = levels[values[from + blue]];
      rgba[to + 3] = alpha ? levels[values[from + alpha]] : isClear(to, values[from]) ? 0 : 255;
    }
  };
}

/**
 * The samples of a row, whose first byte is its filter.
 * @type {(line: Uint8Array, depth: number, values: Uint16Array) => void}
 */
function unpack(line, depth, values) {
  const each = 8 / depth;
  for (let at = 0; at < values.length; at++) {
    if (depth === 8) values[at] = line[1 + at];
    else if (depth === 16) values[at] = (line[1 + 2 * at] << 8) | line[2 + 2 * at];
    else values[at] = (line[1 + Math.floor(at / each)] >> (8 - depth - depth * (at % each))) & (2 ** depth - 1);
  }
}

/**
 * What a sample is in 8 bits: gray of 16 bits is rounded, colours of 16 bits lose their low byte.
 * @type {(depth: number, color: number) => Uint8Array}
 */
function pngLevels(depth, color) {
  const most = 2 ** depth - 1;
  /** @type {(value: number) => number} */
  const level = depth === 16 && color ? (value) => value >> 8 : (value) => Math.round((255 * value) / most);
  return Uint8Array.from({ length: most + 1 }, (_, value) => level(value));
}

/**
 * 256 colours as rgba; those that the file does not name are black.
 * @type {(palette?: Uint8Array | number[], clear?: Uint8Array | number[]) => Uint8Array<ArrayBuffer>}
 */
function pngPalette(palette = [], clear = []) {
  if (palette.length > 768 || clear.length > 256) throw new Error(phrase("png.its-palette-is-too"));
  return Uint8Array.from({ length: 1024 }, (_, at) => {
    const [index, part] = [at >> 2, at & 3];
    if (part === 3) return clear[index] ?? 255;
    return 3 * index + 2 < palette.length ? palette[3 * index + part] : 0;
  });
}

/**
 * Whether a pixel has the one colour that counts as clear: Pillow compares levels with the low byte of each sample.
 * @type {(header: Header, clear: Uint8Array, rgba: Uint8ClampedArray) => (to: number, value: number) => boolean}
 */
function clearTest({ depth, color }, clear, rgba) {
  if (clear.length < (color ? 6 : 2)) throw new Error(phrase("png.its-trns-chunk-is"));
  const whole = viewOf(clear).getUint16(0);
  if (!color && depth === 16) return (to, value) => value === whole;
  const one = depth === 1 ? whole && 255 : clear[1];
  const [red, green, blue] = color ? [clear[1], clear[3], clear[5]] : [one, one, one];
  return (to) => rgba[to] === red && rgba[to + 1] === green && rgba[to + 2] === blue;
}
