// The receptive field: which pixels of the picture a value can see, followed backwards from the value.
/**
 * @import { Graph, GraphNode } from "./onnx.js"
 * @import { Tensor, Tensors } from "./tensors.js"
 * @typedef {{ rows: number[], columns: number[] }} Box each is [first, last]
 * @typedef {{ offset: number[], step: number[] }} Picked what a Slice takes along rows and columns
 * @typedef {GraphNode & { kernel?: number[], pads?: ArrayLike<number>, over?: ArrayLike<number>, picked: Picked | null }} KnownNode a node with what its constants say
 */

import { padWidths } from "./moving.js";
import { sizeOf } from "./tensors.js";
import { windowOf, windowStart } from "./windows.js";

export const ALL = { rows: [-Infinity, Infinity], columns: [-Infinity, Infinity] };

/**
 * The smallest box that contains two boxes. A box is { rows: [first, last], columns: [first, last] }.
 * @type {(a: Box | undefined, b: Box) => Box}
 */
function united(a, b) {
  if (!a) return b;
  /** @type {(one: number[], other: number[]) => number[]} */
  const both = (one, other) => [Math.min(one[0], other[0]), Math.max(one[1], other[1])];
  return { rows: both(a.rows, b.rows), columns: both(a.columns, b.columns) };
}

/**
 * The box of its first input that a box of a node's output is computed from.
 * @type {(node: KnownNode, box: Box, before: Tensor, after: Tensor) => Box}
 */
function boxBefore(node, box, before, after) {
  const [x, y] = [before.shape, after.shape];
  if (node.op === "Conv" || node.op === "MaxPool" || node.op === "AveragePool") {
    const window = windowOf(node.attributes, x, node.kernel ?? node.attributes.kernel_shape);
    /** @type {(range: number[], axis: number) => number[]} */
    const reach = (range, axis) => [
      windowStart(window, axis, range[0]),
      windowStart(window, axis, range[1]) + window.dilation[axis] * (window.kernel[axis] - 1),
    ];
    return { rows: reach(box.rows, 0), columns: reach(box.columns, 1) };
  }
  if (node.op === "Pad") return node.pads ? shifted(box, node.pads, x.length) : ALL;
  if (node.op === "Slice") return node.picked ? strided(box, node.picked) : ALL;
  if (node.op === "Transpose") return keepsMaps(node.attributes.perm, x) || after.last ? box : ALL;
  if (node.op.startsWith("Global") || joinsPlaces(node, before)) return ALL;
  // Value by value, or channels moved about: rows and columns stay what they are.
  const [outer, inner] = [before, after].map(({ shape, last }) => (last ? shape.slice(1, 3) : shape.slice(-2)));
  return x.length > 2 && y.length > 2 && outer[0] === inner[0] && outer[1] === inner[1] ? box : ALL;
}

/**
 * Whether an operator over some axes joins rows or columns; over the channels alone, each place stays by itself.
 * @type {(node: KnownNode, x: Tensor) => boolean}
 */
function joinsPlaces({ op, attributes, over }, { shape, last }) {
  const rank = shape.length;
  const places = last ? [1, 2] : [rank - 2, rank - 1];
  const axis = ((attributes.axis ?? -1) + rank) % rank;
  if (op === "Softmax") return places.includes(axis);
  if (op === "LayerNormalization") return places.some((place) => place >= axis); // it begins there and goes to the end
  if (op !== "ReduceMean") return false;
  const axes = Array.from(over ?? [], (one) => (one + rank) % rank);
  return !axes.length || places.some((place) => axes.includes(place));
}

/**
 * Whether a Transpose leaves rows and columns last, or puts them there from the picture's own order.
 * @type {(perm: number[], shape: number[]) => boolean}
 */
function keepsMaps(perm, shape) {
  const rank = shape.length;
  const last = perm.slice(-2);
  return (last[0] === rank - 2 && last[1] === rank - 1) || perm.join() === "0,3,1,2";
}

/** @type {(box: Box, pads: ArrayLike<number>, rank: number) => Box} */
function shifted(box, pads, rank) {
  /** @type {(range: number[], axis: number) => number[]} */
  const move = (range, axis) => range.map((place) => place - (pads[axis] ?? 0));
  return { rows: move(box.rows, rank - 2), columns: move(box.columns, rank - 1) };
}

/**
 * The widths that a Pad adds, where the file says them.
 * @type {(node: GraphNode, constants: Map<string, Tensor>, rank: number) => number[] | undefined}
 */
function padsOf(node, constants, rank) {
  const pads = node.op === "Pad" && constants.get(node.inputs[1]);
  return pads ? padWidths(rank, pads.data, constants.get(node.inputs[3])?.data) : undefined;
}

/** @type {(box: Box, picked: Picked) => Box} */
function strided(box, { offset, step }) {
  /** @type {(range: number[], axis: number) => number[]} */
  const move = (range, axis) => range.map((place) => offset[axis] + place * step[axis]);
  return { rows: move(box.rows, 0), columns: move(box.columns, 1) };
}

/**
 * What a Slice of maps takes: offset and step along rows and columns.
 * @type {(node: GraphNode, constants: Map<string, Tensor>, rank: number) => Picked | null}
 */
function pickedBy(node, constants, rank) {
  /** @type {(index: number) => Float32Array | undefined} */
  const data = (index) => constants.get(node.inputs[index])?.data;
  const [starts, axes, steps] = [data(1), data(3), data(4)];
  if (!starts || !axes) return null;
  const picked = { offset: [0, 0], step: [1, 1] };
  [...axes].forEach((axis, index) => {
    const along = (axis < 0 ? axis + rank : axis) - (rank - 2);
    if (along < 0) return;
    picked.offset[along] = Math.max(0, starts[index]);
    picked.step[along] = steps?.[index] ?? 1;
  });
  return picked;
}

/**
 * The box of the picture that a box of a node's output sees; padding lies outside of the picture, and ±Infinity
 * means that all is seen.
 * @type {(graph: Graph, tensors: Tensors, name: string, box: Box) => Box | null}
 */
export function fieldOf(graph, tensors, name, box) {
  const boxes = new Map([[name, box]]);
  for (const node of [...graph.nodes].reverse()) {
    const own = boxes.get(node.output);
    if (!own) continue;
    const after = tensors.get(node.output);
    const extra = {
      kernel: graph.constants.get(node.inputs[1])?.shape.slice(2),
      pads: padsOf(node, graph.constants, after?.shape.length ?? 0),
      over: node.attributes.axes ?? graph.constants.get(node.inputs[1])?.data,
    };
    for (const input of new Set(node.inputs)) {
      const before = tensors.get(input);
      if (!before || !after) continue;
      const rank = before.shape.length;
      const known = { ...node, ...extra, picked: node.op === "Slice" ? pickedBy(node, graph.constants, rank) : null };
      if (node.op !== "Conv") known.kernel = undefined;
      const isOne =
        rank === 4 &&
        after.shape.length === 4 &&
        sizeOf(before.shape.slice(2)) === 1 &&
        sizeOf(after.shape.slice(2)) > 1;
      const seen = isOne ? { rows: [0, 0], columns: [0, 0] } : boxBefore(known, own, before, after);
      boxes.set(input, united(boxes.get(input), seen));
    }
  }
  return boxes.get(graph.input.name) ?? null;
}

/**
 * The pixels (rows, columns) that one value of a node's output sees, padding included; the picture's for all.
 * @type {(graph: Graph, tensors: Tensors, name: string, height: number, width: number) => number[] | null}
 */
export function fieldSize(graph, tensors, name, height, width) {
  const shape = tensors.get(name)?.shape ?? [];
  if (shape.length !== 4) return [height, width];
  const box = fieldOf(graph, tensors, name, { rows: [0, 0], columns: [0, 0] });
  if (!box) return null;
  /** @type {(range: number[], whole: number) => number} */
  const length = ([first, last], whole) => (Number.isFinite(last - first) ? last - first + 1 : whole);
  return [length(box.rows, height), length(box.columns, width)];
}
