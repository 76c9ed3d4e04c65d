// Runs a graph: node after node, every result kept, so that the page can show all of them.
/**
 * @import { Graph, GraphNode } from "./onnx.js"
 * @import { Operator, Tensor, Tensors } from "./tensors.js"
 * @typedef {{ tensors: Tensors, missing: Map<string, string> }} Results and why the others are missing
 */

import { OPERATORS } from "./operators.js";
import { arrayOf, tensorOf } from "./tensors.js";
import { phrase } from "../texts/texts.js";

/**
 * The message of an error.
 * @type {(error: unknown) => string}
 */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * All tensors of a network for one picture, node after node: it yields each node before it is computed.
 *   graph   of readModel
 *   image   numbers 0..255 in the order of the graph's input
 *   stored  Map(name -> tensor): results for this picture of operators that are not known here
 *   faster  operators that are used before those of operators.js
 * Gives { tensors: Map(name -> { shape, data }), missing: Map(node name -> why) }.
 * @type {(graph: Graph, image: ArrayLike<number>, stored?: Tensors, faster?: Record<string, Operator> | null) => Generator<GraphNode, Results>}
 */
export function* stepsOf(graph, image, stored = new Map(), faster = null) {
  const shape = graph.input.shape.map((size) => size ?? 1);
  const Kind = arrayOf(graph.input.element) ?? Float32Array;
  const tensors = new Map([[graph.input.name, tensorOf(shape, Kind.from(image))]]);
  const missing = new Map();
  for (const node of graph.nodes) {
    yield node;
    const inputs = node.inputs.map((name) => tensors.get(name) ?? graph.constants.get(name));
    const kept = stored.get(node.output);
    try {
      const lost = node.inputs.findIndex((name, index) => name && !inputs[index]);
      if (kept) tensors.set(node.output, kept);
      else if (!(node.op in OPERATORS)) throw new Error(phrase("engine.operator-not-known", { operator: node.op }));
      else if (lost >= 0) throw new Error(phrase("engine.needs", { name: node.inputs[lost] }));
      else {
        const operator = faster?.[node.op] ?? OPERATORS[node.op];
        tensors.set(node.output, operator(/** @type {Tensor[]} */ (inputs), node.attributes));
      }
    } catch (error) {
      missing.set(node.name, messageOf(error));
    }
  }
  return { tensors, missing };
}

/**
 * All tensors of a network for one picture, at once.
 * @type {(graph: Graph, image: ArrayLike<number>, stored?: Tensors, faster?: Record<string, Operator> | null) => Results}
 */
export function runGraph(graph, image, stored, faster) {
  const steps = stepsOf(graph, image, stored, faster);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

/**
 * A graph whose weights of whole numbers are real ones: what is computed from constants alone is a constant.
 * @type {(graph: Graph) => Graph}
 */
export function withRealWeights(graph) {
  const constants = new Map(graph.constants);
  const nodes = graph.nodes.filter((node) => {
    const inputs = node.inputs.map((name) => constants.get(name));
    if (node.op !== "DequantizeLinear" || inputs.some((input) => !input)) return true;
    const found = OPERATORS.DequantizeLinear(/** @type {Tensor[]} */ (inputs), node.attributes);
    constants.set(node.output, { ...found, name: node.output, real: true });
    return false;
  });
  const read = new Set(nodes.flatMap((node) => node.inputs));
  for (const name of constants.keys()) if (!read.has(name)) constants.delete(name);
  return { ...graph, nodes, constants };
}
