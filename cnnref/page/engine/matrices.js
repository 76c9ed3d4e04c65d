// Products of matrices in the memory of a WebAssembly module, which holds those of one product at a time.
/**
 * @typedef {(input: number, base: number, depth: number, places: number, panel: number) => void} Pack
 * @typedef {(weights: number, stride: number, panel: number, depth: number, bias: number, y: number, step: number) => void} Tile
 * @typedef {{ pack: Pack, tile1: Tile, tile4: Tile }} Functions those of engine/multiply.js
 * @typedef {{ length: number, fill: (floats: Float32Array) => void }} Given numbers to put into the memory
 * @typedef {object} Product rows times columns: column p has right[base[k] + places[p]] at k, for every k
 * @property {Given} left [rows, depth]
 * @property {Given} right
 * @property {number} rows
 * @property {number[]} base
 * @property {number[]} places
 * @property {ArrayLike<number>} [bias] one number a row
 * @property {number} [groups] so many parts of the rows have a right of their own
 * @property {number} [apart] which begin so far from one another
 */

import { BYTES, COLUMNS, MULTIPLY } from "./multiply.js";
import { assemble } from "./webassembly.js";

/** Panels of this many bytes stay in the cache of a processor while all rows pass by. */
const CACHED = 200_000;
/** A page of WebAssembly's memory. */
const PAGE_BYTES = 65536;

/**
 * How many bytes so many numbers take, where the next ones begin at a multiple of 16.
 * @type {(length: number) => number}
 */
const bytesFor = (length) => Math.ceil((length * BYTES) / 16) * 16;

export class Matrices {
  /** An error where the browser has no WebAssembly with SIMD, or forbids it. */
  constructor() {
    const module = new WebAssembly.Module(assemble(MULTIPLY));
    this.memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(module, { page: { memory: this.memory } });
    this.functions = /** @type {Functions} */ (/** @type {unknown} */ (exports));
  }

  /** @type {(place: number, length: number) => Float32Array} */
  floats(place, length) {
    return new Float32Array(this.memory.buffer, place, length);
  }

  /**
   * Where parts of so many numbers lie, until the next product.
   * @type {(lengths: number[]) => number[]}
   */
  rooms(lengths) {
    let at = 0;
    const found = lengths.map((length) => (at += bytesFor(length)) - bytesFor(length));
    const missing = at - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return found;
  }

  /** @type {(place: number, distances: number[]) => void} */
  putDistances(place, distances) {
    new Int32Array(this.memory.buffer, place, distances.length).set(distances.map((distance) => distance * BYTES));
  }

  /**
   * A product, row after row; see `Product`.
   * @type {(given: Product) => Float32Array<ArrayBuffer>}
   */
  multiply({ left, right, rows, base, places, bias, groups = 1, apart = 0 }) {
    const depth = base.length;
    const columns = Math.ceil(places.length / COLUMNS) * COLUMNS;
    const panelSize = depth * COLUMNS;
    const panels = Math.max(1, Math.min(columns / COLUMNS, Math.floor(CACHED / bytesFor(panelSize))));
    const sizes = [left.length, right.length, depth, columns, panels * panelSize, rows, rows * columns];
    const [a, b, bases, spots, panel, biases, y] = this.rooms(sizes);
    left.fill(this.floats(a, left.length));
    right.fill(this.floats(b, right.length));
    this.putDistances(bases, base);
    this.putDistances(spots, [...places, ...new Array(columns - places.length).fill(places[0])]);
    this.floats(biases, rows).set(bias ?? new Float32Array(rows));

    const { pack, tile1, tile4 } = this.functions;
    const [row, step] = [depth * BYTES, columns * BYTES];
    const each = rows / groups;
    for (let group = 0; group < groups; group++) {
      for (let first = 0; first < columns; first += panels * COLUMNS) {
        const count = Math.min(panels, (columns - first) / COLUMNS);
        for (let n = 0; n < count; n++) {
          const at = spots + (first + n * COLUMNS) * BYTES;
          pack(b + group * apart * BYTES, bases, depth, at, panel + n * panelSize * BYTES);
        }
        const end = (group + 1) * each;
        for (let at = group * each; at < end;) {
          const four = at + 4 <= end;
          const tile = four ? tile4 : tile1;
          for (let n = 0; n < count; n++) {
            const to = y + (at * columns + first + n * COLUMNS) * BYTES;
            tile(a + at * row, row, panel + n * panelSize * BYTES, depth, biases + at * BYTES, to, step);
          }
          at += four ? 4 : 1;
        }
      }
    }
    return this.taken(y, rows, places.length, columns);
  }

  /**
   * The result without the columns that only fill up the last panel.
   * @type {(y: number, rows: number, length: number, columns: number) => Float32Array<ArrayBuffer>}
   */
  taken(y, rows, length, columns) {
    if (length === columns) return this.floats(y, rows * length).slice();
    const found = new Float32Array(rows * length);
    for (let row = 0; row < rows; row++) found.set(this.floats(y + row * columns * BYTES, length), row * length);
    return found;
  }
}
