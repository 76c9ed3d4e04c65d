// How the network learned: a slider chooses the epoch whose weights compute everything on the page.
/**
 * @import { Tensor } from "../engine/tensors.js"
 * @typedef {{ epoch: number, loss?: number, accuracy?: number, val_loss?: number, val_accuracy?: number }} Row
 * @typedef {{ epochs: number[], constants: { name: string, length: number }[], rows: Row[] }} LearningFacts
 */

import { MORE } from "./address.js";
import { answerOf } from "./answer.js";
import { button, darkMode, h, keepingFocus, limitOf, magnitude, set, short, slider, svg } from "./elements.js";
import { arrowKeys, heatMap, paint } from "./numbers.js";
import { saveButtons } from "./save.js";
import { percent } from "./scores.js";
import { learn, on, probabilities, state } from "./state.js";
import { mapOf } from "../engine/axes.js";
import { sizeOf } from "../engine/tensors.js";
import { phrase } from "../texts/texts.js";

/** Sizes of a drawing of a curve, and the room for the numbers beside it. */
const PLOT = { width: 360, height: 150, left: 48, right: 10, top: 14, bottom: 26 };

/**
 * The section; null where the page has no epochs.
 * @type {(bytes: (id: string) => Uint8Array<ArrayBuffer>) => HTMLElement | null}
 */
export function buildLearning(bytes) {
  const facts = state.facts.learning;
  if (!facts) return null;
  const { epochs, constants, rows } = facts;
  const last = rows.length;
  const stages = stagesOf(facts, epochs.length ? bytes("epochs") : new Uint8Array());
  const trained = stages.length - 1;
  let shown = trained;
  let wanted = trained;
  let running = false;

  /** @type {(stage: number) => number} */
  const epochOf = (stage) => epochs[stage] ?? last;
  /** @type {(stage: number) => string} */
  const nameOf = (stage) =>
    stage === trained ? phrase("learning.trained") : epochOf(stage) ? phrase("learning.epoch-of", { stage: epochOf(stage), last }) : phrase(
      "learning.before-the-first-step",
    );

  const said = h("p", { class: "note", role: "status" });
  const control = slider({
    label: phrase("learning.weights"),
    min: 0,
    max: trained,
    value: trained,
    say: nameOf,
    onInput: choose,
  });
  control.input.setAttribute("aria-valuetext", nameOf(trained));
  const plots = [
    curveOf(phrase("learning.loss"), rows, "loss", "val_loss"),
    curveOf(phrase("learning.accuracy"), rows, "accuracy", "val_accuracy", 1),
  ];
  const kernels = h("div", { class: "half" });
  const now = h("div", { class: "row now" });

  /** @type {(stage: number) => Promise<void>} */
  async function choose(stage) {
    wanted = stage;
    control.show(stage);
    control.input.setAttribute("aria-valuetext", nameOf(stage));
    if (running) return; // only the last of the epochs that come is computed
    running = true;
    while (wanted !== shown) {
      shown = wanted;
      const key = epochOf(shown) ? "learning.weights-after" : "learning.weights-from";
      const words = shown === trained ? "" : phrase(key, { epoch: epochOf(shown), last });
      await learn(stages[shown], words);
    }
    running = false;
  }

  function draw() {
    const row = rows.find(({ epoch }) => epoch === epochOf(shown));
    said.textContent = `${nameOf(shown)}: ${row ? measured(row) : phrase("learning.nothing-learned")}.`;
    plots.forEach((plot) => plot.mark(epochOf(shown)));
    const shares = probabilities();
    const { node, channel } = state;
    const tensor = node && state.tensors.get(node.output);
    keepingFocus(section, () => {
      now.replaceChildren(
        ...(tensor ? [mapFigure(tensor)] : []),
        ...(shares ? [answerOf(phrase("learning.the-answer"), shares, state.facts.labels)] : []),
      );
      kernels.replaceChildren(...(node ? kernelsOver(node, channel) : []));
    });
  }

  /** @type {(tensor: Tensor) => HTMLElement} */
  function mapFigure(tensor) {
    const name = state.node?.name ?? "";
    if (tensor.shape.length === 4) {
      const [, , height, width] = tensor.shape;
      return heatMap({
        values: mapOf(tensor, state.channel),
        rows: height,
        columns: width,
        limit: limitOf(tensor),
        name: phrase("learning.map-of", { channel: state.channel, name }),
      });
    }
    const columns = Math.min(16, tensor.data.length);
    const lines = Math.ceil(tensor.data.length / columns);
    const values = Float32Array.from({ length: lines * columns }, (_, at) => tensor.data[at] ?? 0);
    return heatMap({
      values,
      rows: lines,
      columns,
      limit: limitOf(tensor),
      name: phrase("learning.numbers-of", { name }),
    });
  }

  /**
   * A kernel of the chosen map in every epoch, the first slice of it that is not zero everywhere.
   * @type {(node: import("../engine/onnx.js").GraphNode, channel: number) => HTMLElement[]}
   */
  function kernelsOver(node, channel) {
    const name = node.op === "Conv" ? node.inputs[1] : "";
    const shape = state.graph.constants.get(name)?.shape;
    if (!shape || !constants.some((one) => one.name === name))
      return [h("p", { class: "note" }, phrase("learning.has-no-kernels-choose", { name: node.name }))];
    const [filters, depth, height, width] = shape;
    const area = height * width;
    const at = Math.min(channel, filters - 1) * depth * area;
    const slices = stages.map((stage) => (stage.get(name) ?? new Float32Array(sizeOf(shape))).subarray(at, at + area));
    const limit = magnitude(slices.flatMap((slice) => [...slice]));
    const tiles = slices.map((slice, stage) => {
      const canvas = h("canvas", { "aria-hidden": "true" });
      paint(canvas, slice, height, width, { limit });
      const text = stage === trained ? phrase("learning.trained") : phrase("learning.epoch", { stage: epochOf(stage) });
      const label = phrase("learning.kernel", { text });
      return h(
        "button",
        { type: "button", class: "tile", "aria-label": label, title: label, "aria-pressed": String(stage === shown), onclick: () => choose(stage) },
        canvas,
        h("span", {}, text),
      );
    });
    const group = h(
      "div",
      { class: "tiles large", role: "group", "aria-label": phrase("learning.the-kernel-epoch-by") },
      tiles,
    );
    arrowKeys(group, () => tiles, 1e9);
    const key = depth > 1 ? "learning.slice-weights" : "learning.its-weights";
    return [
      h("h3", {}, phrase("learning.the-kernel-of-map", { channel: Math.min(channel, filters - 1), name: node.name })),
      group,
      h("p", { class: "note" }, phrase(key, { height, width, low: short(-limit), high: short(limit) })),
    ];
  }

  const section = h(
    "section",
    { id: "learning" },
    h("h2", {}, phrase("learning.how-it-learned")),
    h(
      "p",
      {},
      phrase("learning.weights-as-they-were"),
    ),
    h("div", { class: "controls" }, control, button(phrase("learning.show-trained"), () => choose(trained))),
    said,
    h("div", { class: "row" }, plots.map(({ figure }) => figure)),
    kernels,
    now,
  );
  MORE.epoch = {
    now: () => (wanted === trained ? null : epochOf(wanted)),
    most: () => last + 1,
    go: (epoch) => choose(epoch === null || !epochs.includes(epoch) ? trained : epochs.indexOf(epoch)),
  };
  on("run", draw);
  on("node", draw);
  darkMode.addEventListener("change", draw);
  draw();
  return section;
}

/**
 * The weights of each epoch, and at the end those of the file, by the names of the constants.
 * @type {(facts: LearningFacts, bytes: Uint8Array<ArrayBuffer>) => Map<string, Float32Array>[]}
 */
function stagesOf({ epochs, constants }, bytes) {
  const numbers = new Float32Array(bytes.buffer);
  let at = 0;
  const stages = epochs.map(() => new Map(constants.map(({ name, length }) => [name, numbers.subarray(at, (at += length))])));
  const own = constants.map(({ name }) => /** @type {const} */ ([name, state.graph.constants.get(name)?.data ?? new Float32Array()]));
  return [...stages, new Map(own)];
}

/** @type {(row: Row) => string} */
const measured = (row) =>
  [
    row.loss === undefined ? "" : phrase("learning.loss-of", { loss: short(row.loss) }),
    row.accuracy === undefined ? "" : phrase("learning.of-the-training-pictures", { percent: percent(row.accuracy) }),
    row.val_accuracy === undefined ? "" : phrase(
      "learning.of-the-validation-pictures",
      { percent: percent(row.val_accuracy) },
    ),
  ]
    .filter((one) => one)
    .join(", ");

/**
 * A curve over the epochs, with a line that `mark` puts at one of them.
 * @type {(name: string, rows: Row[], key: "loss" | "accuracy", held: "val_loss" | "val_accuracy", most?: number) =>
 *   { figure: HTMLElement, mark: (epoch: number) => void }}
 */
function curveOf(name, rows, key, held, most) {
  const { width, height, left, right, top, bottom } = PLOT;
  const last = Math.max(1, rows.length);
  const values = rows.flatMap((row) => [row[key] ?? 0, row[held] ?? 0]);
  const limit = most ?? Math.max(...values, 1e-9);
  /** @type {(epoch: number) => number} */
  const across = (epoch) => left + ((width - left - right) * epoch) / last;
  /** @type {(value: number) => number} */
  const up = (value) => height - bottom - (height - top - bottom) * Math.min(1, value / limit);
  /** @type {(which: "loss" | "accuracy" | "val_loss" | "val_accuracy") => string} */
  const path = (which) => {
    const points = rows.filter((row) => row[which] !== undefined).map((row) => `${across(row.epoch)},${up(row[which] ?? 0)}`);
    return points.length ? `M${points.join(" L")}` : "";
  };
  const line = svg("path", { class: "marker" });
  const validated = rows.some((row) => row[held] !== undefined);
  /** @type {(value: number) => string} */
  const worded = (value) => (most === 1 ? `${Math.round(100 * value)} %` : short(value));
  const drawing = svg(
    "svg",
    {
      class: "over-epochs",
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": phrase("learning.over-the-epochs", { name }),
    },
    svg("path", { class: "axis", d: `M${left},${top} V${height - bottom} H${width - right}` }),
    svg("text", { x: left - 6, y: up(limit) + 5, class: "end" }, worded(limit)),
    svg("text", { x: left - 6, y: up(0), class: "end" }, worded(0)),
    svg("text", { x: across(0), y: height - 6 }, "0"),
    svg("text", { x: across(last), y: height - 6, class: "end" }, String(last)),
    svg("text", { x: across(last / 2), y: height - 6, class: "middle" }, phrase("learning.epoch-axis")),
    line,
    svg("path", { class: "measured", d: path(key) }),
    svg("path", { class: "held", d: path(held) }),
  );
  const caption = phrase(validated ? "learning.on-both" : "learning.on-training", { name });
  const figure = h(
    "figure",
    { class: "half" },
    drawing,
    h("figcaption", {}, caption),
    saveButtons(phrase("learning.over-the-epochs", { name }), () => drawing),
  );
  return { figure, mark: (epoch) => set(line, { d: `M${across(epoch)},${top} V${height - bottom}` }) };
}
