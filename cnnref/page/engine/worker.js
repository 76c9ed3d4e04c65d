// The worker: it holds the network and answers one question after the other.
/**
 * @import { Graph, GraphNode } from "./onnx.js"
 * @import { Results } from "./run.js"
 * @import { Operator, Tensor, Tensors } from "./tensors.js"
 * @typedef {{ done: number, of: number }} Progress
 */

import { occlude } from "./occlusion.js";
import { OPERATORS } from "./operators.js";
import { messageOf, runGraph, stepsOf } from "./run.js";
import { sizeOf, tensorOf } from "./tensors.js";
import { phrase } from "../texts/texts.js";

/**
 * What computes a large network: operators for it, and the weights that they multiply by; large.js sets it.
 * @type {{ network: ((graph: Graph) => { operators: Record<string, Operator>, weights: string[] } | null) | null }}
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

/**
 * The run that is not at its end, because the next node waits for its weights.
 * @type {{ graph: Graph, steps: Generator<GraphNode, Results>, step: IteratorResult<GraphNode, Results>, room: number, started: number } | null}
 */
let begun = null;

/**
 * The weights of a node that this thread does not hold.
 * @type {(graph: Graph, node: GraphNode) => string[]}
 */
function lacking({ constants }, { inputs }) {
  return inputs.filter((name) => {
    const held = constants.get(name);
    return held && held.data.length < sizeOf(held.shape);
  });
}

/**
 * The weights that the next nodes lack, as many as there is room for.
 * @type {(graph: Graph, from: GraphNode, room: number) => string[]}
 */
function wantedFrom(graph, from, room) {
  const { nodes, constants } = graph;
  const coming = new Set(nodes.slice(nodes.indexOf(from)).flatMap((node) => lacking(graph, node)));
  let left = room;
  const sizes = [...coming].map((name) => (left -= sizeOf(/** @type {Tensor} */ (constants.get(name)).shape)));
  const fitting = sizes.findIndex((after) => after < 0);
  return [...coming].slice(0, fitting < 0 ? coming.size : fitting);
}

/**
 * Go on with the run: to its end, or to a node whose weights are not here.
 * @type {() => Record<string, any>}
 */
function going() {
  if (!begun) throw new Error("No run has begun.");
  const { graph, steps, room, started } = begun;
  while (!begun.step.done && !lacking(graph, begun.step.value).length) begun.step = steps.next();
  const { step } = begun;
  if (!step.done) return { wanted: wantedFrom(graph, step.value, room) };
  begun = null;
  const constants = new Set([...graph.constants.values()].map(({ data }) => data.buffer));
  const buffers = [...step.value.tensors.values()].map(({ data }) => data.buffer);
  const given = [...new Set(buffers)].filter((one) => one && !constants.has(one));
  return { ...step.value, milliseconds: performance.now() - started, given };
}

/** @type {Record<string, (given: any, tell: (told: Progress) => void) => any>} */
export const QUESTIONS = {
  /**
   * Take a network, whose larger weights may be left out: they come while a picture is run.
   * @param {{ graph: Graph, which?: string }} given
   */
  load({ graph, which = "first" }) {
    held.set(which, { graph, faster: quicker.network?.(graph)?.operators });
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
   * Run a picture: all results, or the names of the weights that are wanted now.
   * @param {{ image: ArrayLike<number>, stored?: Tensors, which?: string, room?: number }} given
   */
  run({ image, stored, which, room = 0 }) {
    const { graph, faster } = network(which);
    const steps = stepsOf(graph, ordered(image, graph), stored, faster);
    begun = { graph, steps, step: steps.next(), room, started: performance.now() };
    return going();
  },

  /**
   * Go on with the weights that were wanted, which are given back.
   * @param {{ wanted: string[], weights: Float32Array<ArrayBuffer> }} given
   */
  goOn({ wanted, weights }) {
    const lent = wanted.map((name) => begun?.graph.constants.get(name)).filter((tensor) => tensor !== undefined);
    let at = 0;
    for (const tensor of lent) tensor.data = weights.subarray(at, (at += sizeOf(tensor.shape)));
    const { given = [], ...answer } = going();
    for (const tensor of lent) tensor.data = new Float32Array();
    return { ...answer, weights, given: [...given, weights.buffer] };
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
        throw new Error(phrase("engine.nothing-can-be-covered"));
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
  onmessage = ({ data: { id, question, ...asked } }) => {
    try {
      const { given = [], ...answer } = QUESTIONS[question](asked, (told) => postMessage({ id, told })) ?? {};
      postMessage({ id, answer }, { transfer: given });
    } catch (error) {
      postMessage({ id, error: messageOf(error) });
    }
  };
}
