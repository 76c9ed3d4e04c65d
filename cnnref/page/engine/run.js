// Runs a graph: node after node, every result kept, so that the page can show all of them.

import { OPERATORS } from "./operators.js";
import { tensorOf } from "./tensors.js";

/**
 * All tensors of a network for one picture.
 *   graph   of readModel
 *   image   numbers 0..255 in the order of the graph's input
 *   stored  Map(name -> tensor): results for this picture of operators that are not known here
 * Gives { tensors: Map(name -> { shape, data }), missing: Map(node name -> why) }.
 */
export function runGraph(graph, image, stored = new Map()) {
  const shape = graph.input.shape.map((size) => size ?? 1);
  const tensors = new Map([[graph.input.name, tensorOf(shape, Float32Array.from(image))]]);
  const missing = new Map();
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => tensors.get(name) ?? graph.constants.get(name));
    try {
      const lost = node.inputs.findIndex((name, index) => name && !inputs[index]);
      if (stored.has(node.output)) tensors.set(node.output, stored.get(node.output));
      else if (!(node.op in OPERATORS)) throw new Error(`The operator ${node.op} is not known here.`);
      else if (lost >= 0) throw new Error(`It needs ${node.inputs[lost]}, which could not be computed.`);
      else tensors.set(node.output, OPERATORS[node.op](inputs, node.attributes));
    } catch (error) {
      missing.set(node.name, error.message);
    }
  }
  return { tensors, missing };
}
