// The worker's side: it holds the network, and answers one question after the other.

import { occlude } from "./occlusion.js";
import { readModel } from "./onnx.js";
import { OPERATORS } from "./operators.js";
import { runGraph } from "./run.js";
import { tensorOf } from "./tensors.js";

const held = {};

export const QUESTIONS = {
  /** Take the file; says what the network looks like. */
  load({ model, output, channelsFirst }) {
    held.graph = { ...readModel(model, output), channelsFirst };
    return { graph: held.graph };
  },

  /** Run a picture: all results. */
  run({ image, stored }) {
    const started = performance.now();
    const found = runGraph(held.graph, ordered(image), stored);
    return { ...found, milliseconds: performance.now() - started };
  },

  /** Cover the picture piece by piece; tells how far it is. */
  occlude({ image, index, shape }, tell) {
    const probability = (picture) => {
      const { tensors } = runGraph(held.graph, ordered(picture));
      const scores = tensors.get(held.graph.output)?.data;
      if (!scores)
        throw new Error("The network has an operator that this page cannot compute, so nothing can be covered.");
      return scores.length === 1 && index === 0 ? 1 - scores[0] : scores[scores.length === 1 ? 0 : index];
    };
    return occlude(image, shape, probability, (done, of) => tell({ done, of }));
  },
};

/** A picture [height, width, channels] in the order of the graph's input, which may have its channels first. */
function ordered(image) {
  const [, ...sizes] = held.graph.input.shape;
  if (!held.graph.channelsFirst) return image;
  const [channels, height, width] = sizes;
  return OPERATORS.Transpose([tensorOf([height, width, channels], Float32Array.from(image))], { perm: [2, 0, 1] }).data;
}

/** Answer every message { id, question, ... } with { id, answer }, { id, error } or, on the way, { id, told }. */
export function serve() {
  onmessage = ({ data: { id, question, ...given } }) => {
    try {
      const answer = QUESTIONS[question](given, (told) => postMessage({ id, told }));
      postMessage({ id, answer });
    } catch (error) {
      postMessage({ id, error: error.message });
    }
  };
}
