// What the page knows, and who wants to hear of it: the network, the picture, the results, and the value looked at.

import { placeOf, sizeOf, tensorOf } from "../engine/tensors.js";
import { QUESTIONS } from "../engine/worker.js";

export const state = {
  facts: null, // what page.py wrote: name, labels, shape, samples, ...
  graph: null, // of the ONNX file
  picture: null, // { values: Uint8Array [height * width * channels], name, sample: place among the samples or null }
  tensors: new Map(), // every result for the picture
  missing: new Map(), // nodes that could not be computed, and why
  milliseconds: 0,
  node: null, // the layer looked at
  channel: 0,
  at: 0, // the place in its data of the value looked at
};

const listeners = {};

/** Call `listener` whenever `event` happens: "run", "node", "value". */
export const on = (event, listener) => (listeners[event] ??= []).push(listener);
const emit = (event) => (listeners[event] ?? []).forEach((listener) => listener());

/** Bytes of base64 text. */
export const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** The worker, or this thread where the browser allows a page from a file no worker. */
export const engine = { worker: null, waiting: new Map(), next: 0 };

export function startEngine(source) {
  try {
    engine.worker = new Worker(URL.createObjectURL(new Blob([source, "\nserve();"], { type: "text/javascript" })));
    engine.worker.onmessage = ({ data: { id, answer, error, told } }) => {
      const { resolve, reject, tell } = engine.waiting.get(id);
      if (told) return tell?.(told);
      engine.waiting.delete(id);
      return error ? reject(new Error(error)) : resolve(answer);
    };
  } catch {
    engine.worker = null;
  }
}

/** Ask the engine; a promise of its answer. `tell` hears how far it is. */
export function ask(question, given = {}, tell = null) {
  if (!engine.worker) return Promise.resolve().then(() => QUESTIONS[question](given, tell ?? (() => {})));
  return new Promise((resolve, reject) => {
    const id = engine.next++;
    engine.waiting.set(id, { resolve, reject, tell });
    engine.worker.postMessage({ id, question, ...given });
  });
}

/** The node of a name, and the node that makes a tensor. */
export const nodeNamed = (name) => state.graph.nodes.find((node) => node.name === name);
export const makerOf = (tensor) => state.graph.nodes.find((node) => node.outputs.includes(tensor));

/** Results of operators that are not known here, where they were stored for one of the samples. */
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
let pending = null;

/** Show a picture: run the network on it. While it runs, only the last of the pictures that come is kept. */
export async function showPicture(picture) {
  pending = picture;
  if (running) return;
  running = true;
  while (pending) {
    const next = pending;
    pending = null;
    const found = await ask("run", { image: next.values, stored: storedFor(next.sample) });
    Object.assign(state, { picture: next, ...found });
    emit("run");
  }
  running = false;
}

/** Look at a layer: at the map `channel`, and in it at the value that stands out most. */
export function lookAt(node, channel = 0) {
  const tensor = state.tensors.get(node.output);
  const maps = tensor?.shape.length > 2;
  Object.assign(state, { node, channel, at: maps ? outstanding(tensor, channel) : channel });
  emit("node");
  emit("value");
}

/** The place of the largest magnitude in a map. */
function outstanding(tensor, channel) {
  const area = sizeOf(tensor.shape.slice(2));
  let best = channel * area;
  for (let at = best; at < (channel + 1) * area; at++) {
    if (Math.abs(tensor.data[at]) > Math.abs(tensor.data[best])) best = at;
  }
  return best;
}

/** Look at one value of a tensor; the picture's own values have no layer, and stay where they are. */
export function lookAtValue(tensor, at) {
  const node = makerOf(tensor);
  if (!node) return;
  const { shape } = state.tensors.get(tensor);
  const moved = node !== state.node;
  const channel = shape.length > 2 ? placeOf(shape, at)[1] : at;
  const other = moved || channel !== state.channel;
  Object.assign(state, { node, at, channel });
  if (other) emit("node");
  emit("value");
}

/** "channel 2, row 3, column 4" or "entry 5". */
export function placeName(shape, at) {
  const place = placeOf(shape, at);
  if (shape.length === 4) return `channel ${place[1]}, row ${place[2]}, column ${place[3]}`;
  return shape.length === 2 ? `entry ${place[1]}` : place.slice(1).join(", ");
}

/** A class by its label; a single output answers yes or no. */
export const labelOf = (index) => state.facts.labels[index] ?? `class ${index}`;

/** The probabilities of all classes for the picture, or null. */
export function probabilities() {
  const found = state.tensors.get(state.graph.output);
  if (!found) return null;
  return found.data.length === 1 && state.facts.labels.length === 2
    ? [1 - found.data[0], found.data[0]]
    : [...found.data];
}
