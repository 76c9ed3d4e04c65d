// The worker: it holds the network and answers one question after the other.
/**
 * @import { Graph } from "./onnx.js"
 * @import { Tensor, Tensors } from "./tensors.js"
 * @typedef {{ done: number, of: number }} Progress
 */

import { occlude } from "./occlusion.js";
import { readModel } from "./onnx.js";
import { OPERATORS } from "./operators.js";
import { messageOf, runGraph } from "./run.js";
import { tensorOf } from "./tensors.js";

/** @type {{ graph?: Graph }} */
const held = {};

/** @type {() => Graph} */
function network() {
  if (!held.graph) throw new Error("No network is loaded.");
  return held.graph;
}

/** @type {Record<string, (given: any, tell: (told: Progress) => void) => any>} */
export const QUESTIONS = {
  /**
   * Take the file; says what the network looks like.
   * @param {{ model: Uint8Array, output: string, channelsFirst: boolean }} given
   */
  load({ model, output, channelsFirst }) {
    held.graph = { ...readModel(model, output), channelsFirst };
    return { graph: network() };
  },

  /**
   * Run a picture: all results.
   * @param {{ image: ArrayLike<number>, stored?: Tensors }} given
   */
  run({ image, stored }) {
    const started = performance.now();
    const found = runGraph(network(), ordered(image), stored);
    return { ...found, milliseconds: performance.now() - started };
  },

  /**
   * Cover the picture piece by piece; tells how far it is.
   * @param {{ image: ArrayLike<number>, index: number, shape: number[] }} given
   * @param {(told: Progress) => void} tell
   */
  occlude({ image, index, shape }, tell) {
    /** @type {(picture: ArrayLike<number>) => number} */
    const probability = (picture) => {
      const { tensors } = runGraph(network(), ordered(picture));
      const scores = tensors.get(network().output)?.data;
      if (!scores)
        throw new Error("The network has an operator that this page cannot compute, so nothing can be covered.");
      return scores.length === 1 && index === 0 ? 1 - scores[0] : scores[scores.length === 1 ? 0 : index];
    };
    return occlude(image, shape, probability, (done, of) => tell({ done, of }));
  },
};

/**
 * A picture [height, width, channels] in the order of the graph's input, which may have its channels first.
 * @type {(image: ArrayLike<number>) => ArrayLike<number>}
 */
function ordered(image) {
  const { input, channelsFirst } = network();
  if (!channelsFirst) return image;
  const [channels, height, width] = input.shape.slice(1).map(Number);
  return OPERATORS.Transpose([tensorOf([height, width, channels], Float32Array.from(image))], { perm: [2, 0, 1] }).data;
}

/** Answer every message { id, question, ... } with { id, answer }, { id, error } or, on the way, { id, told }. */
export function serve() {
  onmessage = ({ data: { id, question, ...given } }) => {
    try {
      const answer = QUESTIONS[question](given, (told) => postMessage({ id, told }));
      postMessage({ id, answer });
    } catch (error) {
      postMessage({ id, error: messageOf(error) });
    }
  };
}
