// Sliders that change the picture, with the probabilities following, and a camera where the page is served.
/** @import { Picture } from "./state.js" */

import { answerOf, bestClasses } from "./answer.js";
import { button, h, slider } from "./elements.js";
import { contextOf, paintPicture } from "./numbers.js";
import { labelOf, on, probabilities, showPicture, state } from "./state.js";
import { messageOf } from "../engine/run.js";
import { UNCHANGED, changedPicture } from "../picture/change.js";
import { readPixels } from "../picture/resample.js";

/** @typedef {import("../picture/change.js").Change} Change */

const CHANGED = ", changed";

export function buildChange() {
  const [height, width, channels] = state.facts.shape;
  /** @type {Picture | null} */
  let base = null; // the picture before the change
  /** @type {WeakSet<Uint8Array>} */
  const own = new WeakSet(); // pictures that were made here
  /** @type {number[]} */
  let classes = [];
  let change = { ...UNCHANGED };
  const canvas = h("canvas", { class: "pixels", role: "img", "aria-label": "The changed picture" });
  const answer = h("div", { class: "half" });
  const side = Math.min(height, width);

  function apply() {
    if (!base) return;
    const values = changedPicture(base.values, state.facts.shape, change);
    own.add(values);
    showPicture({ values, name: `${base.name}${CHANGED}`, sample: null });
  }

  /** @type {(key: keyof Change, label: string, most: number, step: number, unit: string, least?: number) => import("./elements.js").Slider} */
  const control = (key, label, most, step, unit, least = -most) =>
    slider({
      label,
      min: least,
      max: most,
      step,
      value: 0,
      say: (value) => `${value} ${unit}`,
      onInput: (value) => {
        change = { ...change, [key]: value };
        apply();
      },
    });
  const far = Math.max(1, Math.round(side / 3));
  const sliders = [
    control("right", "to the right", far, 1, "px"),
    control("down", "down", far, 1, "px"),
    control("turned", "turned", 180, 1, "°"),
    control("blur", "blur", Math.max(1, Math.round(side / 14)), 0.1, "px", 0),
    control("brightness", "brightness", 128, 1, "of 255"),
    control("noise", "noise", 100, 1, "of 255", 0),
  ];

  function reset() {
    change = { ...UNCHANGED };
    sliders.forEach((one) => one.show(0));
  }

  on("run", () => {
    const shares = probabilities();
    if (!own.has(state.picture.values)) {
      base = state.picture;
      reset();
      if (shares) classes = bestClasses(shares);
    }
    paintPicture(canvas, state.picture.values, height, width, channels);
    if (!shares) return answer.replaceChildren();
    const [best] = bestClasses(shares);
    const shown = classes.includes(best) ? classes : [...classes.slice(0, -1), best];
    answer.replaceChildren(answerOf(`Most probably ${labelOf(best)}`, shares, state.facts.labels, shown));
  });

  return h(
    "section",
    { id: "change" },
    h("h2", {}, "Change the picture"),
    h("p", {}, "What does the network hold on to? Move a slider: the probabilities follow, and with them all maps above."),
    h(
      "div",
      { class: "row" },
      h("div", { class: "sliders" }, ...sliders, button("Undo all changes", undo), buildCamera()),
      h("figure", { class: "heat small" }, h("div", { class: "stage", style: { "--rows": height, "--columns": width } }, canvas)),
      answer,
    ),
  );

  function undo() {
    reset();
    if (base) showPicture(base);
  }
}

/**
 * A camera, picture after picture; only where the page is served, because browsers ask for a camera by the site.
 * @type {() => HTMLElement | null}
 */
function buildCamera() {
  if (!/^https?:$/.test(location.protocol) || !navigator.mediaDevices?.getUserMedia) return null;
  const [height, width, channels] = state.facts.shape;
  const video = h("video", { muted: true, playsinline: true, class: "hidden", "aria-hidden": "true", tabindex: -1 });
  const canvas = h("canvas", {});
  const said = h("p", { class: "note", role: "status" });
  /** @type {MediaStream | null} */
  let stream = null;

  async function look() {
    if (!stream) return;
    const [wide, high] = [video.videoWidth, video.videoHeight];
    if (wide && high) {
      Object.assign(canvas, { width: wide, height: high });
      const context = contextOf(canvas, { willReadFrequently: true });
      context.drawImage(video, 0, 0);
      const { data } = context.getImageData(0, 0, wide, high);
      const values = readPixels(data, wide, high, height, width, channels, state.facts.picture);
      await showPicture({ values, name: "your camera", sample: null });
    }
    requestAnimationFrame(look);
  }

  async function turn() {
    if (stream) {
      stream.getTracks().forEach((track) => track.stop());
      stream = null;
    } else {
      said.textContent = "";
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: true });
        video.srcObject = stream;
        await video.play();
        look();
      } catch (error) {
        stream = null;
        said.textContent = `The camera cannot be used: ${messageOf(error)}`;
      }
    }
    go.textContent = stream ? "Stop the camera" : "Use the camera";
  }
  const go = button("Use the camera", turn);
  return h("div", { class: "controls" }, go, said, video);
}
