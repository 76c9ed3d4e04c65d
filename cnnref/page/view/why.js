// Why this class: where the picture counts, found by covering it and by Grad-CAM.

import { button, by, choice, darkMode, h } from "./elements.js";
import { heatMap } from "./numbers.js";
import { askAbout, askApart, bytesOf, labelOf, on, probabilities, state } from "./state.js";
import { gradCam } from "../engine/grad_cam.js";
import { messageOf } from "../engine/run.js";
import { phrase } from "../texts/texts.js";

const COVER = phrase("why.cover-the-picture-piece");
const STOP = phrase("why.stop-covering");

/** @typedef {ReturnType<typeof import("../engine/occlusion.js").occlude>} Occluded */

export function buildWhy() {
  const { labels } = state.facts;
  let index = 0;
  let shown = "";
  const classes = choice({
    label: phrase("why.class"),
    options: labels.map((label, at) => [String(at), label]),
    value: "0",
    onChange: (value) => askAbout(Number(value)),
  });
  const covered = h("div", {});
  const cam = h("div", {});
  const go = button(COVER, cover);
  /** @type {ReturnType<typeof askApart> | null} */
  let running = null;
  /** @type {WeakMap<Uint8Array, Map<number, Occluded>>} */
  let results = new WeakMap(); // by picture and class
  /** @type {(values: Uint8Array) => Map<number, Occluded>} */
  const keep = (values) => {
    const kept = results.get(values) ?? new Map();
    results.set(values, kept);
    return kept;
  };
  const progress = h("p", { class: "note", role: "status" });

  function show() {
    if (!running) progress.textContent = "";
    showCovered();
    cam.replaceChildren(...gradCamParts(index));
  }

  /** Cover the picture in a worker of its own, or stop that; what is found is kept for when the picture comes back. */
  async function cover() {
    if (running) return running.stop();
    const { values, name } = state.picture;
    const asked = index;
    const what = `${labelOf(asked)}, ${name}`;
    running = askApart(
      "occlude",
      { image: values, index: asked, shape: state.facts.shape },
      ({ done, of }) => (progress.textContent = `${what}: ${Math.round((100 * done) / of)} %`),
    );
    progress.textContent = phrase("why.begun", { what });
    go.textContent = STOP;
    try {
      const found = await running.answer;
      progress.textContent = found ? "" : phrase("why.stopped", { what });
      if (found) keep(values).set(asked, found);
    } catch (error) {
      progress.textContent = messageOf(error);
    }
    running = null;
    go.textContent = COVER;
    showCovered();
  }

  function showCovered() {
    go.disabled = !running && !probabilities();
    const found = keep(state.picture.values).get(index);
    covered.replaceChildren(...(found ? coveredParts(found, index) : []));
  }

  function choose() {
    const found = probabilities();
    index = state.asked ?? (found ? found.indexOf(Math.max(...found)) : index);
    classes.input.value = String(index);
    show();
  }

  on("run", () => {
    if (shown && state.picture.name !== shown) state.asked = null; // it was asked of that picture, and not of this one
    shown = state.picture.name;
    choose();
  });
  on("class", choose);
  on("weights", () => {
    running?.stop();
    results = new WeakMap(); // it was found with other weights
  });
  darkMode.addEventListener("change", show);
  return h(
    "section",
    { id: "why" },
    h("h2", {}, phrase("why.why")),
    h(
      "p",
      {},
      phrase("why.two-ways"),
    ),
    h("div", { class: "controls" }, classes),
    h(
      "div",
      { class: "row" },
      h(
        "div",
        { class: "half" },
        h("h3", {}, phrase("why.occlusion")),
        h("p", {}, phrase("why.cover-a-piece-and")),
        h("div", { class: "controls" }, go),
        progress,
        covered,
      ),
      h(
        "div",
        { class: "half" },
        h("h3", {}, phrase("why.grad-cam")),
        h(
          "p",
          {},
          phrase("why.last-maps"),
        ),
        cam,
      ),
    ),
  );
}

/** @type {(found: Occluded, index: number) => HTMLElement[]} */
const coveredParts = (found, index) => [
  heatMap({
    ...found,
    under: seenPicture(),
    name: phrase("why.fall-of-the-probability", { class: labelOf(index), name: state.picture.name }),
  }),
  h(
    "p",
    { class: "note" },
    phrase("why.each-cell", {
      size: by([found.plan.patch, found.plan.patch]),
      rows: found.plan.rows.join(", "),
      columns: found.plan.columns.join(", "),
    }),
  ),
];

/**
 * Computed here where the head has a closed form; otherwise what page.py stored for the samples.
 * @type {(index: number) => HTMLElement[]}
 */
function gradCamParts(index) {
  const found = gradCam(state.graph, state.tensors, index) ?? storedGradCam(index);
  if (!found)
    return [
      h(
        "p",
        { class: "note" },
        phrase("why.no-closed-form"),
      ),
    ];
  return [
    heatMap({ ...found, under: seenPicture(), limit: 1, positive: true, name: phrase(found.maps ? "why.grad-cam-from" : "why.grad-cam-from-head", {
        class: labelOf(index),
        maps: found.maps,
      }),
    }),
  ];
}

/** The picture, to lay colours over. */
function seenPicture() {
  const [rows, columns, channels] = state.facts.shape;
  return { values: state.picture.values, rows, columns, channels };
}

/** @type {(index: number) => ReturnType<typeof gradCam> | undefined} */
export function storedGradCam(index) {
  const found = state.facts.gradcam.find((one) => one.sample === state.picture.sample && one.index === index);
  return found && { ...found, values: new Float32Array(bytesOf(found.values).buffer) };
}
