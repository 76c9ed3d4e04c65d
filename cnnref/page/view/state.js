// What the page knows, and who wants to hear of it: the network, the picture, the results, and the value looked at.
/**
 * @import { Graph, GraphNode } from "../engine/onnx.js"
 * @import { Tensor, Tensors } from "../engine/tensors.js"
 * @typedef {{ sample: number, name: string, shape: number[], data: string }} Stored the result of an operator
 * @typedef {{ sample: number, index: number, rows: number, columns: number, values: string, maps: string }} StoredGradCam
 * @typedef {object} Facts what write.py puts into the page
 * @property {string} name
 * @property {[number, number, number]} shape [height, width, channels]
 * @property {import("../picture/resample.js").PictureRule} picture how a photograph comes to that size
 * @property {string[]} labels
 * @property {string} output
 * @property {boolean} channelsFirst
 * @property {{ name: string, values: string }[]} samples
 * @property {Record<string, string[]>} places
 * @property {Stored[]} stored
 * @property {StoredGradCam[]} gradcam
 * @property {import("./second.js").SecondFacts | null} second the network beside this one
 * @property {import("./learning.js").LearningFacts} [learning] how it learned
 * @property {import("./tested.js").TestedFacts} [tested] what test pictures show of it
 * @typedef {{ resolve: (answer: any) => void, reject: (error: Error) => void, tell: ((told: any) => void) | null }} Waiting
 * @typedef {{ values: Uint8Array<ArrayBuffer>, name: string, sample: number | null, turned?: string,
 *   steps?: import("../picture/centre.js").Step[] | null }} Picture values are [height * width * channels]; sample is its place among the samples, turned what a negative was called before, steps how it was read
 */

import { cellOfPlace, mapOf, mapsOf, markAxes, placeOfCell } from "../engine/axes.js";
import { readModel } from "../engine/onnx.js";
import { withRealWeights } from "../engine/run.js";
import { placeOf, tensorOf } from "../engine/tensors.js";
import { QUESTIONS, quicker } from "../engine/worker.js";
import { phrase } from "../texts/texts.js";

/**
 * Until the page has started, `facts`, `graph` and `picture` are null; nothing is drawn before that.
 * @type {{ facts: Facts, graph: Graph, picture: Picture, tensors: Tensors, missing: Map<string, string>,
 *   milliseconds: number, node: GraphNode | null, channel: number, at: number, asked: number | null, epoch: string }}
 */
export const state = {
  facts: /** @type {any} */ (null), // what page.py wrote: name, labels, shape, samples, ...
  graph: /** @type {any} */ (null), // of the ONNX file
  picture: /** @type {any} */ (null), // { values: Uint8Array [height * width * channels], name, sample: place among the samples or null }
  tensors: new Map(), // every result for the picture
  missing: new Map(), // nodes that could not be computed, and why
  milliseconds: 0,
  node: null, // the layer looked at
  channel: 0,
  at: 0, // the place in its data of the value looked at
  asked: null, // the class that the reader asks about; null where it is the most probable one
  epoch: "", // which weights compute, where they are not those of the file: "the weights after epoch 2 of 40"
};

/** @type {Record<string, (() => void)[]>} */
const listeners = {};

/**
 * Call `listener` whenever `event` happens: "run", "node", "value", "class", "weights".
 * @type {(event: string, listener: () => void) => void}
 */
export const on = (event, listener) => void (listeners[event] ??= []).push(listener);
/** @type {(event: string) => void} */
const emit = (event) => (listeners[event] ?? []).forEach((listener) => listener());

/**
 * Bytes of base64 text.
 * @type {(base64: string) => Uint8Array<ArrayBuffer>}
 */
export function bytesOf(base64) {
  const letters = atob(base64);
  const bytes = new Uint8Array(letters.length); // Uint8Array.from would make a list of all letters first
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

/**
 * The worker, or this thread where the browser allows a page from a file no worker.
 * @type {{ worker: Worker | null, waiting: Map<number, Waiting>, next: number }}
 */
export const engine = { worker: null, waiting: new Map(), next: 0 };

let address = ""; // of the worker's script

/** @type {(source: string) => void} */
export function startEngine(source) {
  address = URL.createObjectURL(new Blob([source, "\nserve();"], { type: "text/javascript" }));
  try {
    engine.worker = new Worker(address);
    engine.worker.onmessage = ({ data: { id, answer, error, told } }) => {
      const asked = engine.waiting.get(id);
      if (!asked) return;
      const { resolve, reject, tell } = asked;
      if (told) return tell?.(told);
      engine.waiting.delete(id);
      return error ? reject(new Error(error)) : resolve(answer);
    };
  } catch {
    engine.worker = null;
  }
}

/**
 * Ask the engine; a promise of its answer. `tell` hears how far it is, and what is in `lent` is given away, not copied.
 * @type {(question: string, given?: Record<string, any>, tell?: ((told: any) => void) | null, lent?: Transferable[]) => Promise<any>}
 */
export function ask(question, given = {}, tell = null, lent = []) {
  const { worker } = engine;
  if (!worker) return Promise.resolve().then(() => QUESTIONS[question](given, tell ?? (() => {})));
  return new Promise((resolve, reject) => {
    const id = engine.next++;
    engine.waiting.set(id, { resolve, reject, tell });
    worker.postMessage({ id, question, ...given }, lent);
  });
}

/**
 * Ask a question that takes long of a worker of its own, so that the page goes on answering, and it can be stopped:
 * then the answer is null. Where the browser allows no worker, this thread answers.
 * @type {(question: string, given: Record<string, any>, tell: (told: any) => void) => { answer: Promise<any>, stop: () => void }}
 */
export function askApart(question, given, tell) {
  if (!engine.worker) return { answer: ask(question, given, tell), stop: () => {} };
  const worker = new Worker(address);
  let stop = () => {};
  const answer = new Promise((resolve, reject) => {
    stop = () => resolve(null);
    worker.onmessage = ({ data: { id, answer: found, error, told } }) => {
      if (told) tell(told);
      else if (error) reject(new Error(error));
      else if (id === 1) resolve(found);
    };
    worker.postMessage({ id: 0, question: "load", graph: state.graph });
    worker.postMessage({ id: 1, question, ...given });
  });
  return { answer: answer.finally(() => worker.terminate()), stop: () => stop() };
}

/**
 * Read the file of a network and give it to the engine. The weights of a large network stay here, and the worker
 * borrows those of some layers after the other, so that the page holds them once.
 * @type {(given: { model: Uint8Array<ArrayBuffer>, output: string, channelsFirst: boolean }, which?: string) => Promise<Graph>}
 */
export async function load({ model, output, channelsFirst }, which) {
  const graph = withRealWeights({ ...readModel(model, output), channelsFirst });
  const fast = quicker.network?.(graph) ?? null;
  graph.single = Boolean(fast);
  graph.sent = fast && engine.worker ? fast.weights : [];
  const constants = new Map(graph.constants);
  for (const name of graph.sent) constants.set(name, { shape: constants.get(name)?.shape ?? [], data: new Float32Array() });
  await ask("load", { graph: engine.worker ? { ...graph, constants } : graph, which });
  return graph;
}

const LENT = 1_000_000; // weights at once, or those of the largest layer

/** @type {Promise<any>} */
let last = Promise.resolve();

/**
 * Run a picture through a network, one after the other.
 * @type {(graph: Graph, given: Record<string, any>) => Promise<any>}
 */
export function run(graph, given) {
  last = last.catch(() => {}).then(() => runNow(graph, given));
  return last;
}

/** @type {(graph: Graph, given: Record<string, any>) => Promise<any>} */
async function runNow(graph, given) {
  const { nodes, constants, sent = [] } = graph;
  const away = new Set(sent);
  const sizes = nodes.map(({ inputs }) =>
    inputs.filter((name) => away.has(name)).reduce((sum, name) => sum + (constants.get(name)?.data.length ?? 0), 0),
  );
  const room = sent.length ? Math.max(LENT, ...sizes) : 0;
  let weights = new Float32Array(room);
  let answer = await ask("run", { ...given, room });
  while (answer.wanted) {
    const { wanted } = answer;
    let at = 0;
    for (const name of wanted) {
      const { data } = /** @type {Tensor} */ (constants.get(name));
      weights.set(data, at);
      at += data.length;
    }
    answer = await ask("goOn", { wanted, weights }, null, [weights.buffer]);
    weights = answer.weights;
  }
  const { tensors, missing, milliseconds } = answer;
  markAxes(graph, tensors);
  return { tensors, missing, milliseconds };
}

/**
 * Compute with other numbers in some constants; `epoch` says in words which these are, "" for those of the file.
 * @type {(constants: Map<string, Float32Array>, epoch: string) => Promise<void>}
 */
export async function learn(constants, epoch) {
  await ask("learn", { constants });
  for (const [name, data] of constants) {
    const known = state.graph.constants.get(name);
    if (known) state.graph.constants.set(name, { ...known, data });
  }
  state.epoch = epoch;
  emit("weights");
  await showPicture(state.picture);
}

/**
 * The node of a name, and the node that makes a tensor.
 * @type {(name: string) => GraphNode | undefined}
 */
export const nodeNamed = (name) => state.graph.nodes.find((node) => node.name === name);
/** @type {(tensor: string) => GraphNode | undefined} */
export const makerOf = (tensor) => state.graph.nodes.find((node) => node.outputs.includes(tensor));

/**
 * A result that is known to be there.
 * @type {(name: string) => Tensor}
 */
export function tensorNamed(name) {
  const tensor = state.tensors.get(name);
  if (!tensor) throw new Error(`There is no result called ${name}.`);
  return tensor;
}

/**
 * Results of operators that are not known here, where they were stored for one of the samples.
 * @type {(sample: number | null) => Tensors}
 */
function storedFor(sample) {
  const stored = state.facts.stored.filter((one) => one.sample === sample);
  return new Map(
    stored.map(({ name, shape, data }) => {
      const bytes = bytesOf(data);
      return [name, tensorOf(shape, new Float32Array(bytes.buffer))];
    }),
  );
}

let running = false;
/** @type {Picture | null} */
let pending = null;

/**
 * Show a picture: run the network on it. While it runs, only the last of the pictures that come is kept.
 * @type {(picture: Picture) => Promise<void>}
 */
export async function showPicture(picture) {
  pending = picture;
  if (running) return;
  running = true;
  while (pending) {
    const next = pending;
    pending = null;
    const found = await run(state.graph, { image: next.values, stored: storedFor(next.sample) });
    Object.assign(state, { picture: next, ...found });
    emit("run");
  }
  running = false;
}

/**
 * Look at a layer: at the map `channel`, and in it at the value that stands out most.
 * @type {(node: GraphNode, channel?: number) => void}
 */
export function lookAt(node, channel = 0) {
  const tensor = state.tensors.get(node.output);
  const maps = tensor && tensor.shape.length > 2;
  Object.assign(state, { node, channel, at: maps ? outstanding(tensor, channel) : channel });
  emit("node");
  emit("value");
}

/**
 * Ask about a class, or with null about the most probable one.
 * @type {(index: number | null) => void}
 */
export function askAbout(index) {
  state.asked = index;
  emit("class");
}

/**
 * The place of the largest magnitude in a map.
 * @type {(tensor: Tensor, channel: number) => number}
 */
export function outstanding(tensor, channel) {
  const map = mapOf(tensor, channel);
  let best = 0;
  for (let cell = 1; cell < map.length; cell++) if (Math.abs(map[cell]) > Math.abs(map[best])) best = cell;
  return placeOfCell(tensor, channel, best);
}

/**
 * Look at one value of a tensor; the picture's own values have no layer, and stay where they are.
 * @type {(tensor: string, at: number) => void}
 */
export function lookAtValue(tensor, at) {
  const node = makerOf(tensor);
  if (!node) return;
  const found = tensorNamed(tensor);
  const moved = node !== state.node;
  const channel = found.shape.length > 2 ? cellOfPlace(found, at)[0] : at;
  const other = moved || channel !== state.channel;
  Object.assign(state, { node, at, channel });
  if (other) emit("node");
  emit("value");
}

/**
 * Where in a tensor a value is: "channel 2, row 3, column 4" or "entry 5".
 * @type {(name: string, at: number) => string}
 */
export function placeName(name, at) {
  const tensor = tensorNamed(name);
  const { shape } = tensor;
  if (shape.length === 4) {
    const [channel, cell] = cellOfPlace(tensor, at);
    const { columns } = mapsOf(tensor);
    return phrase("state.channel-row-column", { channel, cell: Math.floor(cell / columns), cell2: cell % columns });
  }
  const place = placeOf(shape, at);
  return shape.length === 2 ? phrase("state.entry", { place: place[1] }) : place.slice(1).join(", ");
}

/**
 * A class by its label; a single output answers yes or no.
 * @type {(index: number) => string}
 */
export const labelOf = (index) => state.facts.labels[index] ?? phrase("state.class", { index });

/**
 * The probabilities of all classes for the picture, or null.
 * @type {() => number[] | null}
 */
export function probabilities() {
  const found = state.tensors.get(state.graph.output);
  if (!found) return null;
  return found.data.length === 1 && state.facts.labels.length === 2
    ? [1 - found.data[0], found.data[0]]
    : [...found.data];
}
