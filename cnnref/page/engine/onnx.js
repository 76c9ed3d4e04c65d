// Reads an ONNX file: a protocol buffer, which is a list of (field number, value), some of them messages again.
// The numbers of the fields are those of onnx.proto3 in the ONNX project.
/**
 * @import { Attributes, Tensor } from "./tensors.js"
 * @typedef {object} GraphNode
 * @property {string} name
 * @property {string} op
 * @property {string[]} inputs
 * @property {string[]} outputs
 * @property {string} output the first of the outputs
 * @property {Attributes} attributes
 * @typedef {{ name: string, shape: (number | null)[], element: number }} ValueInfo an input or output
 * @typedef {object} Graph
 * @property {GraphNode[]} nodes
 * @property {Map<string, Tensor>} constants
 * @property {ValueInfo} input
 * @property {string} output
 * @property {boolean} [channelsFirst] whether the input has its channels before its rows
 * @property {string[]} [sent] weights that the worker does not hold: the page lends them to it while a picture is run
 * @property {boolean} [single] whether results are computed in single precision, as those of large networks are
 * @typedef {Record<string, any>} Fields of a message, by their names
 */

import { arrayOf } from "./tensors.js";
import { phrase } from "../texts/texts.js";

/**
 * Every field of a message: [number, value], where value is a number or the bytes of a string or message.
 * @type {(bytes: Uint8Array) => Generator<[number, any]>}
 */
function* fieldsOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const kind = key & 7;
    if (kind === 0) yield [key >> 3, varint()];
    else if (kind === 1) yield [key >> 3, view.getFloat64((at += 8) - 8, true)];
    else if (kind === 5) yield [key >> 3, view.getFloat32((at += 4) - 4, true)];
    else if (kind === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new Error(phrase("engine.file-cut-short"));
      yield [key >> 3, bytes.subarray(at, (at += length))];
    } else throw new Error(phrase("engine.field-of-kind", { kind }));
  }
}

/**
 * A message as { name: value } or, for names in lists, { name: [values] }; `names` maps field numbers to names.
 * @type {(bytes: Uint8Array, names: Record<number, string>, lists?: string[]) => Fields}
 */
export function message(bytes, names, lists = []) {
  /** @type {Fields} */
  const found = Object.fromEntries(lists.map((name) => [name, []]));
  for (const [number, value] of fieldsOf(bytes)) {
    const name = names[number];
    if (name && lists.includes(name)) found[name].push(value);
    else if (name) found[name] = value;
  }
  return found;
}

/** @type {(bytes: Uint8Array | undefined) => string} */
const text = (bytes) => (bytes ? new TextDecoder().decode(bytes) : "");

/**
 * Repeated numbers are packed into bytes, or one by one: both to an array.
 * @type {(parts: (number | Uint8Array)[], kind?: string) => number[]}
 */
export function numbers(parts, kind) {
  return parts.flatMap((part) => {
    if (typeof part === "number") return [part];
    if (kind === "float") return Array.from({ length: part.length / 4 }, (_, index) => float32At(part, index));
    const wrapped = new Uint8Array(part.length + 2 + 8);
    const found = [];
    for (let at = 0; at < part.length;) {
      let end = at;
      while (part[end] >= 128) end++;
      wrapped[0] = 8; // field 1, varint
      wrapped.set(part.subarray(at, end + 1), 1);
      found.push([...fieldsOf(wrapped.subarray(0, end + 2 - at))][0][1]);
      at = end + 1;
    }
    return found;
  });
}

/** @type {(bytes: Uint8Array, index: number) => number} */
const float32At = (bytes, index) => new DataView(bytes.buffer, bytes.byteOffset + 4 * index, 4).getFloat32(0, true);

/** The element type of float16. */
const HALF = 10;

/**
 * The number that 16 bits stand for: a sign, five bits of exponent and ten of fraction.
 * @type {(bits: number) => number}
 */
function halfOf(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const sign = bits >> 15 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}

/**
 * Weights of 16 bits as they are computed with.
 * @type {(bytes: Uint8Array) => Float32Array}
 */
function ofHalves(bytes) {
  const every = Float32Array.from({ length: 65536 }, (_, bits) => halfOf(bits));
  const found = new Float32Array(bytes.length / 2);
  for (let at = 0; at < found.length; at++) found[at] = every[bytes[2 * at] | (bytes[2 * at + 1] << 8)];
  return found;
}

/**
 * A constant: { name, shape, data }.
 * @type {(bytes: Uint8Array) => Tensor & { name: string }}
 */
function readTensor(bytes) {
  const names = { 1: "dims", 2: "type", 4: "floats", 5: "ints", 7: "longs", 8: "name", 9: "raw", 10: "doubles" };
  const fields = message(bytes, names, ["dims", "floats", "ints", "longs", "doubles"]);
  const shape = numbers(fields.dims);
  const type = fields.type ?? 1;
  if (type === HALF && fields.raw) return { name: text(fields.name), shape, data: ofHalves(fields.raw), half: true };
  const Kind = arrayOf(type);
  if (!Kind)
    throw new Error(phrase("engine.constant-of-type", { name: text(fields.name), type }));
  let data;
  if (fields.raw) {
    // The bytes are those of the machine: browsers run on little-endian ones only.
    const { buffer } = /** @type {Uint8Array<ArrayBuffer>} */ (new Uint8Array(fields.raw));
    data = type === 7 ? Kind.from(new BigInt64Array(buffer), Number) : new Kind(buffer);
  } else {
    const { floats, ints, longs, doubles } = fields;
    data = Kind.from([...numbers(floats, "float"), ...numbers(ints), ...numbers(longs), ...doubles]);
  }
  return { name: text(fields.name), shape, data, real: type === 1 || type === 11 };
}

/** @type {Record<number, string>} */
const KINDS_OF_ATTRIBUTES = { 1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints" };
/** @type {Record<string, (value: any) => any>} */
const VALUES_OF_ATTRIBUTES = { s: text, t: readTensor, floats: (parts) => numbers(parts, "float"), ints: numbers };

/** @type {(bytes: Uint8Array) => [string, any]} */
function readAttribute(bytes) {
  const names = { 1: "name", 2: "f", 3: "i", 4: "s", 5: "t", 7: "floats", 8: "ints", 20: "type" };
  const fields = message(bytes, names, ["floats", "ints"]);
  const kind = KINDS_OF_ATTRIBUTES[fields.type];
  const value = fields[kind] ?? (kind === "f" || kind === "i" ? 0 : undefined); // a zero is not written
  return [text(fields.name), VALUES_OF_ATTRIBUTES[kind]?.(value) ?? value];
}

/** @type {(bytes: Uint8Array, index: number) => GraphNode} */
function readNode(bytes, index) {
  const fields = message(bytes, { 1: "input", 2: "output", 3: "name", 4: "op", 5: "attribute" }, [
    "input",
    "output",
    "attribute",
  ]);
  const outputs = fields.output.map(text);
  return {
    name: text(fields.name) || `${text(fields.op)}_${index}`,
    op: text(fields.op),
    inputs: fields.input.map(text),
    outputs,
    output: outputs[0],
    attributes: Object.fromEntries(fields.attribute.map(readAttribute)),
  };
}

/**
 * The name and the sizes of an input or output; a size that is open is null.
 * @type {(bytes: Uint8Array) => ValueInfo}
 */
function readValueInfo(bytes) {
  const fields = message(bytes, { 1: "name", 2: "type" });
  const tensor = message(message(fields.type, { 1: "tensor" }).tensor, { 1: "element", 2: "shape" });
  const sizes = message(tensor.shape, { 1: "dim" }, ["dim"]).dim;
  const shape = sizes.map((/** @type {Uint8Array} */ dim) => message(dim, { 1: "size" }).size ?? null);
  return { name: text(fields.name), shape, element: tensor.element };
}

/**
 * The graph of an ONNX file: nodes in an order in which they can be computed, of those that `output` needs.
 *   { nodes, constants: Map(name -> { shape, data }), input: { name, shape }, output: name }
 * @type {(bytes: Uint8Array, wanted?: string | null) => Graph}
 */
export function readModel(bytes, wanted = null) {
  const model = message(bytes, { 7: "graph" });
  if (!model.graph) throw new Error(phrase("engine.no-graph"));
  const lists = ["node", "initializer", "input", "output"];
  const graph = message(model.graph, { 1: "node", 5: "initializer", 11: "input", 12: "output" }, lists);
  /** @type {ReturnType<typeof readTensor>[]} */
  const held = graph.initializer.map(readTensor);
  /** @type {Map<string, Tensor>} */
  const constants = new Map(held.map((tensor) => [tensor.name, tensor]));
  /** @type {ValueInfo[]} */
  const inputs = graph.input.map(readValueInfo);
  const input = inputs.find((one) => !constants.has(one.name));
  if (!input) throw new Error(phrase("engine.no-input"));
  const output = wanted ?? readValueInfo(graph.output[0]).name;
  /** @type {GraphNode[]} */
  const nodes = graph.node.map(readNode);
  for (const node of nodes.filter((one) => one.op === "Constant")) constants.set(node.output, node.attributes.value);
  const stored = takeHalves(nodes, constants, output);
  const needed = new Set([output]);
  const kept = nodes.reverse().filter((node) => {
    if (node.op === "Constant" || stored.has(node) || !node.outputs.some((name) => needed.has(name))) return false;
    node.inputs.forEach((name) => needed.add(name));
    return true;
  });
  const other = kept.flatMap((node) => node.inputs).find((name) => constants.get(name)?.half);
  if (other) throw new Error(phrase("engine.constant-of-type", { name: other, type: HALF }));
  return { nodes: kept.reverse(), constants, input, output };
}

/**
 * Weights that are stored in 16 bits and cast to 32 are constants of 32 bits; gives the nodes that did so.
 * @type {(nodes: GraphNode[], constants: Map<string, Tensor>, output: string) => Set<GraphNode>}
 */
function takeHalves(nodes, constants, output) {
  const found = nodes.filter(
    (node) => node.op === "Cast" && node.attributes.to === 1 && constants.get(node.inputs[0])?.half && node.output !== output,
  );
  for (const node of found) {
    const { shape, data } = /** @type {Tensor} */ (constants.get(node.inputs[0]));
    constants.set(node.output, { name: node.output, shape, data, real: true });
  }
  for (const node of found) constants.delete(node.inputs[0]);
  return new Set(found);
}
