// Two networks and one picture: the float file beside the int8 file of the same network, or a network beside another.
/**
 * @import { Graph, GraphNode } from "../engine/onnx.js"
 * @import { Tensor, Tensors } from "../engine/tensors.js"
 * @typedef {{ kind: "int8" | "network", name: string, labels: string[], output: string, channelsFirst: boolean }} SecondFacts
 * @typedef {{ node: GraphNode, tensor: Tensor, error: number, before: number, most: number, step: number | null }} Layer
 * of the int8 file, beside that of the float file: the error in shares of the layer's numbers, and the largest difference
 */

import { answerOf } from "./answer.js";
import { button, choice, darkMode, h, keepingFocus, magnitude, short } from "./elements.js";
import { kindOf } from "./facts.js";
import { heatMap } from "./numbers.js";
import { load, lookAt, on, probabilities, run, state, tensorNamed } from "./state.js";
import { mapOf, mapsOf } from "../engine/axes.js";
import { messageOf } from "../engine/run.js";
import { percentage, phrase } from "../texts/texts.js";

/**
 * The section, once the second network is loaded; null where the page has none.
 * @type {(bytes: (id: string) => Uint8Array<ArrayBuffer>) => Promise<HTMLElement | null>}
 */
export async function buildSecond(bytes) {
  const { second } = state.facts;
  if (!second) return null;
  const facts = second; // which the functions below know to be there
  const model = bytes("second-model");
  const { output, channelsFirst } = facts;
  /** @type {Graph} */
  const graph = await load({ model, output, channelsFirst }, "second");
  const int8 = facts.kind === "int8";
  const status = h("p", { role: "status" });
  const answers = h("div", { class: "row" });
  const errors = h("div", {});
  const maps = h("div", {});
  const section = h(
    "section",
    { id: "second" },
    h("h2", {}, int8 ? phrase("second.float-against-int8") : phrase("second.beside", { name: facts.name })),
    h("p", {}, int8 ? INT8 : phrase("second.the-same-picture-in", { name: facts.name })),
    status,
    answers,
    errors,
    maps,
  );
  /** @type {Tensors} */
  let tensors = new Map();
  /** @type {GraphNode} */
  let chosen = graph.nodes.find((node) => node.op === "Conv") ?? graph.nodes[0];
  let asked = 0;

  async function compute() {
    const turn = ++asked;
    try {
      const found = await run(graph, { image: state.picture.values, which: "second" });
      if (turn !== asked) return; // another picture came meanwhile
      tensors = found.tensors;
      status.textContent = [...found.missing.values()][0] ?? "";
    } catch (error) {
      status.textContent = messageOf(error);
    }
    drawAnswers();
    draw();
  }

  function drawAnswers() {
    const here = probabilities();
    const there = tensors.get(graph.output);
    if (!here || !there) return answers.replaceChildren();
    const scores = there.data.length === 1 ? [1 - there.data[0], there.data[0]] : [...there.data];
    answers.replaceChildren(
      answerOf(int8 ? phrase("second.in-float") : state.facts.name, here, state.facts.labels),
      answerOf(int8 ? phrase("second.in-int8") : facts.name, scores, facts.labels),
    );
  }

  function draw() {
    if (!state.node) return;
    keepingFocus(section, () => {
      if (int8) errors.replaceChildren(...errorParts(layersOf(graph, tensors)));
      maps.replaceChildren(...(int8 ? int8Maps(tensors) : networkMaps()));
    });
  }

  /** @type {() => HTMLElement[]} */
  function networkMaps() {
    const { node } = state;
    const [here, there] = [node && state.tensors.get(node.output), tensors.get(chosen.output)];
    if (!node || !here || !there) return [];
    const named = graph.nodes.filter((one) => tensors.has(one.output));
    const pick = choice({
      label: phrase("second.layer-of", { name: facts.name }),
      options: named.map((one) => [one.name, one.name]),
      value: chosen.name,
      onChange: (name) => {
        chosen = named.find((one) => one.name === name) ?? chosen;
        draw();
      },
    });
    const row = [
      figure(
        here,
        state.channel,
        phrase("second.map-of", { channel: state.channel, name: node.name, kind: kindOf(node) }),
      ),
      figure(
        there,
        state.channel,
        phrase("second.map-of-in", { there: shownMap(there), name: chosen.name, name2: facts.name }),
      ),
    ];
    return [
      h("h3", {}, phrase("second.maps-beside-each-other")),
      h("div", { class: "controls" }, pick),
      h("div", { class: "beside" }, row),
    ];
  }

  on("run", compute);
  on("node", draw);
  darkMode.addEventListener("change", draw);
  await compute();
  return section;
}

const INT8 =
  phrase("second.the-file-model-int8");

/**
 * The result of the int8 file that stands for a result of the float file: what its whole numbers say, where there are any.
 * @type {(tensors: Tensors, name: string) => Tensor | undefined}
 */
const counterpart = (tensors, name) => tensors.get(`${name}.dq`) ?? tensors.get(name);

/**
 * The layers that both files have, in their order.
 * @type {(graph: Graph, tensors: Tensors) => Layer[]}
 */
function layersOf(graph, tensors) {
  /** @type {Map<string, number>} */
  const errors = new Map();
  /** @type {Layer[]} */
  const layers = [];
  for (const node of state.graph.nodes) {
    const [here, there] = [state.tensors.get(node.output), counterpart(tensors, node.output)];
    if (!here || !there || here.data.length !== there.data.length) continue;
    let [squares, all, most] = [0, 0, 0];
    for (let at = 0; at < here.data.length; at++) {
      const apart = here.data[at] - there.data[at];
      squares += apart * apart;
      all += here.data[at] * here.data[at];
      most = Math.max(most, Math.abs(apart));
    }
    const error = all > 0 ? Math.sqrt(squares / all) : 0;
    const before = Math.max(0, ...node.inputs.map((name) => errors.get(name) ?? 0));
    errors.set(node.output, error);
    const back = graph.nodes.find((one) => one.output === `${node.output}.dq`);
    const step = back ? (graph.constants.get(back.inputs[1])?.data[0] ?? null) : null;
    layers.push({ node, tensor: there, error, before, most, step });
  }
  return layers;
}

/** @type {(layers: Layer[]) => HTMLElement[]} */
function errorParts(layers) {
  if (!layers.length) return [];
  const largest = Math.max(...layers.map(({ error }) => error), 1e-9);
  const jump = layers.reduce((best, one) => (one.error - one.before > best.error - best.before ? one : best));
  const rows = layers.map(({ node, error, most, step }) =>
    h(
      "tr",
      { "aria-current": node === state.node ? "true" : null },
      h("th", { scope: "row" }, button(node.name, () => lookAt(node))),
      h("td", { class: "error" }, h("span", { class: "bar", style: { "--share": error / largest } }), percentOf(error)),
      h("td", {}, short(most)),
      h("td", {}, step === null ? phrase("second.none") : short(step)),
    ),
  );
  const head = [phrase("second.layer"), phrase("second.error"), phrase("second.largest-difference"), phrase("second.one-step")].map((text) => h(
    "th",
    { scope: "col" },
    text,
  ));
  return [
    h("h3", {}, phrase("second.where-the-error-arises")),
    h(
      "p",
      {},
      phrase(
        "second.it-grows-most-in",
        { name: jump.node.name, percent: percentOf(jump.before), percent2: percentOf(jump.error) },
      ),
    ),
    h(
      "div",
      { class: "scroll tall", tabindex: 0, role: "region", "aria-label": phrase("second.errors-layer-by-layer") },
      h("table", { class: "list errors" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
    ),
  ];
}

/** @type {(share: number) => string} */
const percentOf = (share) => percentage(String(Number((100 * share).toPrecision(2))));

/** @type {(tensors: Tensors) => HTMLElement[]} */
function int8Maps(tensors) {
  const { node, channel } = state;
  const there = node && counterpart(tensors, node.output);
  if (!node || !there) return [];
  const here = tensorNamed(node.output);
  if (there.data.length !== here.data.length) return [];
  const apart = { shape: here.shape, last: here.last, data: here.data.map((value, at) => there.data[at] - value) };
  const what = here.shape.length === 4 ? phrase("second.chosen-map", { channel, name: node.name }) : node.name;
  const limit = magnitude(here.data);
  return [
    h("h3", {}, phrase("second.in-both", { what })),
    h(
      "div",
      { class: "beside" },
      figure(here, channel, phrase("second.map-in-float", { what }), limit),
      figure(there, channel, phrase("second.map-in-int8", { what }), limit),
      figure(apart, channel, phrase("second.int8-minus-float-in")),
    ),
  ];
}

/**
 * The map that is shown of a result that may have fewer than the chosen one.
 * @type {(tensor: Tensor) => number}
 */
const shownMap = (tensor) => Math.min(state.channel, (tensor.shape.length === 4 ? mapsOf(tensor).count : 1) - 1);

/**
 * A map of a result, or all its numbers, 16 a line.
 * @type {(tensor: Tensor, channel: number, name: string, limit?: number) => HTMLElement}
 */
function figure(tensor, channel, name, limit) {
  if (tensor.shape.length === 4) {
    const { count, rows, columns } = mapsOf(tensor);
    const values = mapOf(tensor, Math.min(channel, count - 1));
    return heatMap({ values, rows, columns, name, limit: limit ?? magnitude(tensor.data) });
  }
  const columns = Math.min(16, tensor.data.length);
  const rows = Math.ceil(tensor.data.length / columns);
  const values = Float32Array.from({ length: rows * columns }, (_, at) => tensor.data[at] ?? 0);
  return heatMap({ values, rows, columns, name, limit: limit ?? magnitude(tensor.data) });
}
