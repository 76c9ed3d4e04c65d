// The worker: it holds the network and answers one question after the other.
/**
 * @import { Graph } from "./onnx.js"
 * @import { Operator, Tensor, Tensors } from "./tensors.js"
 * @typedef {{ done: number, of: number }} Progress
 */

import { occlude } from "./occlusion.js";
import { readModel } from "./onnx.js";
import { OPERATORS } from "./operators.js";
import { messageOf, runGraph, withRealWeights } from "./run.js";
import { tensorOf } from "./tensors.js";

/**
 * What computes a large network: another graph, operators for it, and the buffers that it does without; large.js sets it.
 * @type {{ network: ((graph: Graph) => { graph: Graph, operators: Record<string, Operator>, moved: ArrayBufferLike[] } | null) | null }}
 */
export const quicker = { network: null };

/** @typedef {{ graph: Graph, faster?: Record<string, Operator> | null }} Held a network, and quicker operators for it */

/**
 * The networks: that of the page, and perhaps one beside it.
 * @type {Map<string, Held>}
 */
const held = new Map();

/** @type {(which?: string) => Held} */
function network(which = "first") {
  const found = held.get(which);
  if (!found) throw new Error("No network is loaded.");
  return found;
}

/** @type {Record<string, (given: any, tell: (told: Progress) => void) => any>} */
export const QUESTIONS = {
  /**
   * Take the file, or a graph that was read from it; says what the network looks like. Of a large network this thread
   * keeps the weights in the memory of WebAssembly only, and gives away those that were read.
   * @param {{ model?: Uint8Array, graph?: Graph, output: string, channelsFirst: boolean, which?: string }} given
   */
  load({ model = new Uint8Array(), graph: given, output, channelsFirst, which = "first" }) {
    const graph = given ?? withRealWeights({ ...readModel(model, output), channelsFirst });
    const fast = quicker.network?.(graph) ?? null;
    graph.single = Boolean(fast);
    held.set(which, { graph: fast?.graph ?? graph, faster: fast?.operators });
    return { graph, given: fast?.moved ?? [] };
  },

  /**
   * Take other numbers for some constants of the network: those of another epoch.
   * @param {{ constants: Map<string, Tensor["data"]> }} given
   */
  learn({ constants }) {
    const { graph } = network();
    for (const [name, data] of constants) {
      const known = graph.constants.get(name);
      if (known) graph.constants.set(name, { ...known, data });
    }
    return {};
  },

  /**
   * Run a picture: all results.
   * @param {{ image: ArrayLike<number>, stored?: Tensors, which?: string }} given
   */
  run({ image, stored, which }) {
    const started = performance.now();
    const { graph, faster } = network(which);
    const found = runGraph(graph, ordered(image, graph), stored, faster);
    const milliseconds = performance.now() - started;
    const constants = new Set([...graph.constants.values()].map(({ data }) => data.buffer));
    const buffers = [...found.tensors.values()].map(({ data }) => data.buffer);
    return { ...found, milliseconds, given: [...new Set(buffers)].filter((one) => one && !constants.has(one)) };
  },

  /**
   * Cover the picture piece by piece; tells how far it is.
   * @param {{ image: ArrayLike<number>, index: number, shape: number[] }} given
   * @param {(told: Progress) => void} tell
   */
  occlude({ image, index, shape }, tell) {
    const { graph, faster } = network();
    /** @type {(picture: ArrayLike<number>) => number} */
    const probability = (picture) => {
      const { tensors } = runGraph(graph, ordered(picture, graph), new Map(), faster);
      const scores = tensors.get(graph.output)?.data;
      if (!scores)
        throw new Error("The network has an operator that this page cannot compute, so nothing can be covered.");
      return scores.length === 1 && index === 0 ? 1 - scores[0] : scores[scores.length === 1 ? 0 : index];
    };
    return occlude(image, shape, probability, (done, of) => tell({ done, of }));
  },
};

/**
 * A picture [height, width, channels] in the order of the graph's input, which may have its channels first.
 * @type {(image: ArrayLike<number>, graph: Graph) => ArrayLike<number>}
 */
function ordered(image, { input, channelsFirst }) {
  if (!channelsFirst) return image;
  const [channels, height, width] = input.shape.slice(1).map(Number);
  return OPERATORS.Transpose([tensorOf([height, width, channels], Float32Array.from(image))], { perm: [2, 0, 1] }).data;
}

/**
 * Answer every message { id, question, ... } with { id, answer }, { id, error } or, on the way, { id, told }. What an
 * answer lists as given is not copied: this thread no longer has it.
 */
export function serve() {
  onmessage = ({ data: { id, question, ...given } }) => {
    try {
      const { given: lent = [], ...answer } = QUESTIONS[question](given, (told) => postMessage({ id, told }));
      postMessage({ id, answer }, { transfer: lent });
    } catch (error) {
      postMessage({ id, error: messageOf(error) });
    }
  };
}
