// All maps of a layer in one small canvas: where each lies, and how they are painted.
/**
 * @import { Tensor } from "../engine/tensors.js"
 * @typedef {Pick<Tensor, "shape" | "last">} Axes
 * @typedef {object} Tiling all in pixels of CSS
 * @property {number} count
 * @property {number} rows of a map
 * @property {number} columns of a map
 * @property {number} across how many maps stand side by side
 * @property {number} width of one map
 * @property {number} height
 * @property {number} gap
 * @property {number} left of the first one
 * @property {number} top
 * @property {number[]} whole [width, height] of all of them
 */

import { limitOf, shadeAt, shades } from "./elements.js";
import { contextOf } from "./numbers.js";
import { mapsOf } from "../engine/axes.js";
import { sizeOf } from "../engine/tensors.js";

const LARGEST_TILE = 64; // pixels of a map
const CELL = 17; // pixels of a number without a place

/**
 * How many tiles a result has, and of which size: its maps, or its numbers.
 * @type {(tensor: Axes) => { count: number, rows: number, columns: number }}
 */
export function tilesOf({ shape, last }) {
  if (shape.length === 4) return mapsOf({ shape, last });
  if (shape.length === 3) return { count: 1, rows: shape[1], columns: shape[2] };
  return { count: sizeOf(shape.slice(1)), rows: 1, columns: 1 };
}

/**
 * The tiles in a box, as large as they can be; single numbers in one line along its longer side.
 * @type {(tensor: Axes, width: number, height: number) => Tiling}
 */
export function tilingOf(tensor, width, height) {
  const { count, rows, columns } = tilesOf(tensor);
  let gap = count <= 20 ? 4 : count <= 100 ? 2 : 1;
  if (rows * columns === 1) {
    const long = Math.max(width, height);
    const lines = Math.ceil(count / Math.max(1, Math.floor(long / 1.5)));
    const cells = Math.ceil(count / lines);
    gap = long / cells > 5 ? 1 : 0;
    const along = Math.min(CELL, long / cells) - gap;
    const aside = Math.min(CELL, Math.min(width, height) / lines) - gap;
    return height > width
      ? tilingWith({ count, rows, columns, across: lines, width: aside, height: along, gap }, width, height)
      : tilingWith({ count, rows, columns, across: cells, width: along, height: aside, gap }, width, height);
  }
  let best = { across: 1, scale: 0 };
  for (let across = 1; across <= count; across++) {
    const down = Math.ceil(count / across);
    const scale = Math.min(
      (width - gap * (across - 1)) / across / columns,
      (height - gap * (down - 1)) / down / rows,
      LARGEST_TILE / Math.max(rows, columns),
    );
    if (scale > best.scale) best = { across, scale };
  }
  const { across, scale } = best;
  return tilingWith({ count, rows, columns, across, width: columns * scale, height: rows * scale, gap }, width, height);
}

/** @type {(tiling: Omit<Tiling, "left" | "top" | "whole">, width: number, height: number) => Tiling} */
function tilingWith(tiling, width, height) {
  const down = Math.ceil(tiling.count / tiling.across);
  const whole = [tiling.across * (tiling.width + tiling.gap) - tiling.gap, down * (tiling.height + tiling.gap) - tiling.gap];
  return { ...tiling, whole, left: (width - whole[0]) / 2, top: (height - whole[1]) / 2 };
}

/**
 * The left upper corner of a tile.
 * @type {(tiling: Tiling, index: number) => number[]}
 */
export const cornerOf = (tiling, index) => [
  tiling.left + (index % tiling.across) * (tiling.width + tiling.gap),
  tiling.top + Math.floor(index / tiling.across) * (tiling.height + tiling.gap),
];

/**
 * The tile at a point, or the nearest one.
 * @type {(tiling: Tiling, x: number, y: number) => number}
 */
export function tileAt(tiling, x, y) {
  const { across, count } = tiling;
  /** @type {(at: number, size: number, most: number) => number} */
  const place = (at, size, most) => Math.max(0, Math.min(most - 1, Math.floor(at / (size + tiling.gap))));
  const column = place(x - tiling.left, tiling.width, across);
  const row = place(y - tiling.top, tiling.height, Math.ceil(count / across));
  return Math.min(count - 1, row * across + column);
}

/**
 * Which cells, from [first] up to [last], a line of pixels shows.
 * @type {(pixels: number, cells: number) => [number, number][]}
 */
const cellShares = (pixels, cells) =>
  Array.from({ length: pixels }, (_, at) => {
    const first = Math.floor((at * cells) / pixels);
    return [first, Math.max(first + 1, Math.floor(((at + 1) * cells) / pixels))];
  });

/**
 * Paint all maps of a result, in one scale; a pixel that stands for several cells shows the mean of some of them.
 * @type {(canvas: HTMLCanvasElement, tensor: Tensor, tiling: Tiling, width: number, height: number) => void}
 */
export function paintTiles(canvas, tensor, tiling, width, height) {
  const ratio = Math.min(2, devicePixelRatio || 1);
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const image = contextOf(canvas).createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const colours = shades();
  const limit = limitOf(tensor) || 1;
  const { count, rows, columns } = tiling;
  const [between, apart] = tensor.last ? [1, count] : [rows * columns, 1]; // from map to map, and from cell to cell
  for (let tile = 0; tile < count; tile++) {
    const [left, top] = cornerOf(tiling, tile).map((place) => Math.round(place * ratio));
    const [right, bottom] = [
      Math.max(left + 1, Math.round((cornerOf(tiling, tile)[0] + tiling.width) * ratio)),
      Math.max(top + 1, Math.round((cornerOf(tiling, tile)[1] + tiling.height) * ratio)),
    ];
    const across = cellShares(right - left, columns);
    cellShares(bottom - top, rows).forEach(([firstRow, lastRow], y) => {
      const rowStep = Math.ceil((lastRow - firstRow) / 3);
      across.forEach(([first, last], x) => {
        const step = Math.ceil((last - first) / 3);
        let sum = 0;
        let taken = 0;
        for (let row = firstRow; row < lastRow; row += rowStep) {
          for (let column = first; column < last; column += step) {
            sum += tensor.data[tile * between + (row * columns + column) * apart];
            taken += 1;
          }
        }
        pixels[(top + y) * canvas.width + left + x] = colours[shadeAt(sum / taken / limit)];
      });
    });
  }
  contextOf(canvas).putImageData(image, 0, 0);
}
