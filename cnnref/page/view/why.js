// Why this class: where the picture counts, found by covering it and by Grad-CAM.

import { button, by, choice, darkMode, h } from "./elements.js";
import { heatMap } from "./numbers.js";
import { ask, bytesOf, labelOf, on, probabilities, state } from "./state.js";
import { gradCam } from "../engine/grad_cam.js";
import { messageOf } from "../engine/run.js";

export function buildWhy() {
  const { labels } = state.facts;
  let index = 0;
  let chosen = false;
  const classes = choice({
    label: "class",
    options: labels.map((label, at) => [String(at), label]),
    value: "0",
    onChange: (value) => {
      index = Number(value);
      chosen = true;
      show();
    },
  });
  const covered = h("div", {});
  const cam = h("div", {});
  const go = button("Cover the picture piece by piece", cover);
  const progress = h("p", { class: "note", role: "status" });

  function show() {
    covered.replaceChildren();
    progress.textContent = "";
    go.disabled = !probabilities();
    cam.replaceChildren(...gradCamParts(index));
  }

  async function cover() {
    go.disabled = true;
    const { values, name } = state.picture;
    const asked = index;
    try {
      const found = await ask(
        "occlude",
        { image: values, index, shape: state.facts.shape },
        ({ done, of }) => (progress.textContent = `${Math.round((100 * done) / of)} %`),
      );
      progress.textContent = "";
      if (state.picture.values !== values || asked !== index) return;
      covered.replaceChildren(
        heatMap({ ...found, under: seenPicture(), name: `fall of the probability of ${labelOf(index)}: ${name}` }),
        h(
          "p",
          { class: "note" },
          `Each cell: a patch of ${by([found.plan.patch, found.plan.patch])} pixels in the picture's mean colour, `,
          `with its corner at rows ${found.plan.rows.join(", ")} and columns ${found.plan.columns.join(", ")}. `,
          "Orange: without that piece, the class is less probable.",
        ),
      );
    } catch (error) {
      progress.textContent = messageOf(error);
    } finally {
      go.disabled = !probabilities();
    }
  }

  on("run", () => {
    const found = probabilities();
    if (found && !chosen) {
      index = found.indexOf(Math.max(...found));
      classes.input.value = String(index);
    }
    show();
  });
  darkMode.addEventListener("change", show);
  return h(
    "section",
    { id: "why" },
    h("h2", {}, "Why?"),
    h(
      "p",
      {},
      "Two ways to ask which part of the picture speaks for a class. Neither is the network's reasoning; ",
      "both are measurements that can be repeated.",
    ),
    h("div", { class: "controls" }, classes),
    h(
      "div",
      { class: "row" },
      h(
        "div",
        { class: "half" },
        h("h3", {}, "Occlusion"),
        h("p", {}, "Cover a piece, and see how far the probability falls (Zeiler and Fergus, 2014)."),
        h("div", { class: "controls" }, go),
        progress,
        covered,
      ),
      h(
        "div",
        { class: "half" },
        h("h3", {}, "Grad-CAM"),
        h(
          "p",
          {},
          "The last maps, each weighted with how much it moves the class score, where positive ",
          "(Selvaraju et al., 2017).",
        ),
        cam,
      ),
    ),
  );
}

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
        "This network's head has no closed form here; ",
        "it is there for the sample pictures and their most probable class only.",
      ),
    ];
  return [
    heatMap({ ...found, under: seenPicture(), limit: 1, name: `Grad-CAM of ${labelOf(index)}, from ${found.maps}` }),
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
