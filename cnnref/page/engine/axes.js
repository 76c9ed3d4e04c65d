// Which axis of a result with maps has the channels: the second one, as convolutions of ONNX have it, or the last one,
// as pictures have it, and whatever is computed from them before, or after, their axes are reordered.
/**
 * @import { Graph } from "./onnx.js"
 * @import { Tensor, Tensors } from "./tensors.js"
 */

import { sizeOf } from "./tensors.js";

const TO_LAST = "0,2,3,1";

/** Operators whose second axis always has the channels. */
const CHANNELS_FIRST = new Set(["AveragePool", "BatchNormalization", "Conv", "GlobalAveragePool", "GlobalMaxPool", "LRN", "MaxPool"]);

/**
 * Mark the results whose channels come last, as `last`.
 * @type {(graph: Graph, tensors: Tensors) => void}
 */
export function markAxes({ nodes, input, channelsFirst }, tensors) {
  /** @type {(name: string) => Tensor | undefined} */
  const mapsNamed = (name) => {
    const tensor = tensors.get(name);
    return tensor?.shape.length === 4 ? tensor : undefined;
  };
  const picture = mapsNamed(input.name);
  if (picture && !channelsFirst) picture.last = true;
  for (const { op, inputs, output, attributes } of nodes) {
    const tensor = mapsNamed(output);
    if (!tensor || CHANNELS_FIRST.has(op)) continue;
    const given = inputs.map(mapsNamed).filter((one) => one !== undefined);
    const last = given.some((one) => one.last);
    const order = op === "Transpose" ? attributes.perm?.join() : "";
    // An operator that changes no axis gives them as it takes them; a Reshape to other sizes makes new ones.
    if (op === "Transpose") tensor.last = last ? order === "0,1,2,3" : order === TO_LAST;
    else if (op === "Reshape") tensor.last = last && given[0].shape.join() === tensor.shape.join();
    else tensor.last = last;
  }
}

/**
 * How many maps a result has, and their size.
 * @type {(tensor: Pick<Tensor, "shape" | "last">) => { count: number, rows: number, columns: number }}
 */
export function mapsOf({ shape, last }) {
  const [, a, b, c] = shape;
  return last ? { count: c, rows: a, columns: b } : { count: a, rows: b, columns: c };
}

/**
 * The place in the data of a cell of a map; cells are counted row by row.
 * @type {(tensor: Pick<Tensor, "shape" | "last">, channel: number, cell: number) => number}
 */
export const placeOfCell = ({ shape, last }, channel, cell) =>
  last ? cell * shape[3] + channel : channel * sizeOf(shape.slice(2)) + cell;

/**
 * The map of a place in the data, and its cell in it.
 * @type {(tensor: Pick<Tensor, "shape" | "last">, at: number) => [number, number]}
 */
export function cellOfPlace({ shape, last }, at) {
  const area = sizeOf(shape.slice(2));
  return last ? [at % shape[3], Math.floor(at / shape[3])] : [Math.floor(at / area), at % area];
}

/**
 * The numbers of a map, row by row.
 * @type {(tensor: Tensor, channel: number) => Float32Array}
 */
export function mapOf({ shape, data, last }, channel) {
  const area = sizeOf(shape.slice(2));
  if (!last) return data.subarray(channel * area, (channel + 1) * area);
  return Float32Array.from({ length: shape[1] * shape[2] }, (_, cell) => data[cell * shape[3] + channel]);
}
