// The lines between the columns of the network: what every layer reads, short cuts over the top, and what one map reads.
/**
 * @import { Placed } from "./folding.js"
 * @import { Tiling } from "./tiles.js"
 * @typedef {{ x: number, y: number, width: number, height: number, tiling: Tiling | null }} Box of a column's maps
 * @typedef {{ items: Placed[], boxes: Box[], down: boolean, zone: number }} Drawing
 * `down`: whether the network runs from top to bottom; `zone`: where, across its course, the short cuts run
 * @typedef {{ from: number, tile: number, weight: number }} Read from which item and which of its maps, and how strongly
 */

import { hasSkip } from "./folding.js";
import { cornerOf } from "./tiles.js";

const MOST_LINES = 400; // between two columns; more become one band

/**
 * Where a line leaves a map or comes to it: at the side of its column.
 * @type {(drawing: Drawing, index: number, tile: number, leaving: boolean) => number[]}
 */
function end({ boxes, down }, index, tile, leaving) {
  const { x, y, width, height, tiling } = boxes[index];
  if (!tiling) return down ? [x + width / 2, leaving ? y + height : y] : [leaving ? x + width : x, y + height / 2];
  const [left, top] = cornerOf(tiling, tile);
  return down
    ? [x + left + tiling.width / 2, y + tiling.top + (leaving ? tiling.whole[1] + 1 : -1)]
    : [x + tiling.left + (leaving ? tiling.whole[0] + 1 : -1), y + top + tiling.height / 2];
}

/** @type {(pen: CanvasRenderingContext2D, from: number[], to: number[], down: boolean) => void} */
function curve(pen, from, to, down) {
  pen.moveTo(from[0], from[1]);
  const middle = down ? (from[1] + to[1]) / 2 : (from[0] + to[0]) / 2;
  if (down) pen.bezierCurveTo(from[0], middle, to[0], middle, to[0], to[1]);
  else pen.bezierCurveTo(middle, from[1], middle, to[1], to[0], to[1]);
}

/**
 * Whether a layer reads each map by itself, so that lines lead from each map to one.
 * @type {(item: Placed) => boolean}
 */
function oneToOne({ folded, nodes: [node] }) {
  if (folded || ["Gemm", "MatMul", "Softmax"].includes(node.op)) return false;
  return node.op !== "Conv" || (node.attributes.group ?? 1) > 1;
}

/** @type {(drawing: Drawing, from: number, to: number) => boolean} */
function passesOver({ items }, from, to) {
  const { lane, column } = items[from];
  const before = items[to].column;
  return items.some((item) => item.lane === lane && item.column > column && item.column < before);
}

/**
 * All lines, and the short cuts.
 * @type {(pen: CanvasRenderingContext2D, drawing: Drawing, colours: { line: string, skip: string }) => void}
 */
export function drawEdges(pen, drawing, { line, skip }) {
  const { items, boxes, down } = drawing;
  /** @type {number[][]} */
  const skips = [];
  Object.assign(pen, { strokeStyle: line, fillStyle: line, lineWidth: 1 });
  boxes.forEach((box) => frames(pen, box));
  items.forEach((item, to) => {
    if (hasSkip(item)) skips.push([to, to]);
    for (const from of item.inputs) {
      if (passesOver(drawing, from, to)) {
        skips.push([from, to]);
        continue;
      }
      const sizes = [boxes[from].tiling?.count ?? 1, boxes[to].tiling?.count ?? 1];
      const single = oneToOne(item) && sizes[0] === sizes[1];
      const lines = single ? sizes[0] : sizes[0] * sizes[1];
      if (lines > MOST_LINES) band(pen, drawing, from, to);
      else {
        pen.globalAlpha = lines > 60 ? 0.55 : 0.9;
        pen.beginPath();
        for (let at = 0; at < lines; at++) {
          const tile = single ? at : Math.floor(at / sizes[1]);
          curve(pen, end(drawing, from, tile, true), end(drawing, to, single ? at : at % sizes[1], false), down);
        }
        pen.stroke();
      }
    }
  });
  pen.globalAlpha = 1;
  drawSkips(pen, drawing, skips, skip);
}

/**
 * A thin frame around each map, so that one that is all zero is seen as well.
 * @type {(pen: CanvasRenderingContext2D, box: Box) => void}
 */
function frames(pen, { x, y, tiling }) {
  if (!tiling || Math.min(tiling.width, tiling.height) < 8) return;
  for (let tile = 0; tile < tiling.count; tile++) {
    const [left, top] = cornerOf(tiling, tile);
    pen.strokeRect(x + left - 0.5, y + top - 0.5, tiling.width + 1, tiling.height + 1);
  }
}

/**
 * More lines than can be told apart: the area that they would fill.
 * @type {(pen: CanvasRenderingContext2D, drawing: Drawing, from: number, to: number) => void}
 */
function band(pen, drawing, from, to) {
  const { boxes, down } = drawing;
  /** @type {(index: number, leaving: boolean) => number[][]} */
  const side = (index, leaving) => {
    const { x, y, tiling } = boxes[index];
    const [across, along] = end(drawing, index, 0, leaving);
    if (!tiling) return [[across, along], [across, along]];
    return down
      ? [[x + tiling.left, along], [x + tiling.left + tiling.whole[0], along]]
      : [[across, y + tiling.top], [across, y + tiling.top + tiling.whole[1]]];
  };
  const [a, b] = side(from, true);
  const [c, d] = side(to, false);
  pen.globalAlpha = 0.3;
  pen.beginPath();
  curve(pen, a, c, down);
  pen.lineTo(d[0], d[1]);
  const middle = down ? (d[1] + b[1]) / 2 : (d[0] + b[0]) / 2;
  if (down) pen.bezierCurveTo(d[0], middle, b[0], middle, b[0], b[1]);
  else pen.bezierCurveTo(middle, d[1], middle, b[1], b[0], b[1]);
  pen.fill();
}

/**
 * Short cuts leave between two columns, run beside the network, and come back; longer ones further out.
 * @type {(pen: CanvasRenderingContext2D, drawing: Drawing, skips: number[][], colour: string) => void}
 */
function drawSkips(pen, { boxes, down, zone }, skips, colour) {
  Object.assign(pen, { strokeStyle: colour, fillStyle: colour, lineWidth: 1.75 });
  /** @type {number[][]} */
  const drawn = [];
  const out = down ? 1 : -1;
  for (const [from, to] of skips.sort((one, other) => one[1] - one[0] - (other[1] - other[0]))) {
    const inside = from === to;
    const [a, b] = [boxes[from], boxes[to]];
    const aside = down ? 3 : 7;
    const start = (down ? a.y : a.x) + (inside ? -aside : (down ? a.height : a.width) + 4);
    const stop = inside ? (down ? b.y + b.height : b.x + b.width) + aside : (down ? b.y : b.x) - 5;
    const level = Math.min(3, drawn.filter(([first, last]) => first < stop && last > start).length);
    drawn.push([start, stop]);
    const far = zone + out * 5 * level;
    /** @type {(box: Box) => number} */
    const near = (box) => (down ? box.x + box.width : box.y) + out * (down ? -2 : 2);
    /** @type {(along: number, across: number) => [number, number]} */
    const at = (along, across) => (down ? [across, along] : [along, across]);
    pen.beginPath();
    pen.moveTo(...at(start, near(a)));
    const round = Math.min(7, Math.abs(stop - start) / 2);
    pen.arcTo(...at(start, far), ...at((start + stop) / 2, far), round);
    pen.arcTo(...at(stop, far), ...at(stop, near(b)), round);
    pen.lineTo(...at(stop, near(b)));
    pen.stroke();
    pen.beginPath(); // an arrow's head
    pen.moveTo(...at(stop, near(b) - out * 3));
    pen.lineTo(...at(stop - 3.5, near(b) + out * 4));
    pen.lineTo(...at(stop + 3.5, near(b) + out * 4));
    pen.fill();
  }
}

/**
 * What one map reads, as thick as it counts: blue lines take away, orange ones add. `weight` is between -1 and 1.
 * @type {(pen: CanvasRenderingContext2D, drawing: Drawing, to: number, tile: number, reads: Read[], colours: { below: string, above: string }) => void}
 */
export function drawReads(pen, drawing, to, tile, reads, { below, above }) {
  for (const { from, tile: source, weight } of reads) {
    pen.strokeStyle = weight < 0 ? below : above;
    pen.lineWidth = 0.75 + 3 * Math.abs(weight);
    pen.beginPath();
    curve(pen, end(drawing, from, source, true), end(drawing, to, tile, false), drawing.down);
    pen.stroke();
  }
}
