// Sliders that change the picture, with the probabilities following, and a camera where the page is served.
/** @import { Picture } from "./state.js" */

import { answerOf, bestClasses } from "./answer.js";
import { button, h, slider } from "./elements.js";
import { contextOf, paintPicture } from "./numbers.js";
import { labelOf, on, probabilities, showPicture, state } from "./state.js";
import { messageOf } from "../engine/run.js";
import { UNCHANGED, changedPicture } from "../picture/change.js";
import { readPixels } from "../picture/resample.js";
import { phrase } from "../texts/texts.js";

/** @typedef {import("../picture/change.js").Change} Change */

export function buildChange() {
  const [height, width, channels] = state.facts.shape;
  /** @type {Picture | null} */
  let base = null; // the picture before the change
  /** @type {WeakSet<Uint8Array>} */
  const own = new WeakSet(); // pictures that were made here
  /** @type {number[]} */
  let classes = [];
  let change = { ...UNCHANGED };
  const canvas = h("canvas", { class: "pixels", role: "img", "aria-label": phrase("change.the-changed-picture") });
  const answer = h("div", { class: "half" });
  const side = Math.min(height, width);

  function apply() {
    if (!base) return;
    const values = changedPicture(base.values, state.facts.shape, change);
    own.add(values);
    showPicture({ values, name: phrase("change.changed", { name: base.name }), sample: null });
  }

  /** @type {(key: keyof Change, label: string, most: number, step: number, say: (value: number) => string, least?: number) => import("./elements.js").Slider} */
  const control = (key, label, most, step, say, least = -most) =>
    slider({
      label,
      min: least,
      max: most,
      step,
      value: 0,
      say,
      onInput: (value) => {
        change = { ...change, [key]: value };
        apply();
      },
    });
  const far = Math.max(1, Math.round(side / 3));
  const pixels = (/** @type {number} */ value) => phrase("change.px", { value });
  const steps = (/** @type {number} */ value) => phrase("change.of-255", { value });
  const sliders = [
    control("right", phrase("change.to-the-right"), far, 1, pixels),
    control("down", phrase("change.down"), far, 1, pixels),
    control("turned", phrase("change.turned"), 180, 1, (value) => `${value} °`),
    control("blur", phrase("change.blur"), Math.max(1, Math.round(side / 14)), 0.1, pixels, 0),
    control("brightness", phrase("change.brightness"), 128, 1, steps),
    control("noise", phrase("change.noise"), 100, 1, steps, 0),
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
    answer.replaceChildren(answerOf(
      phrase("change.most-probably", { class: labelOf(best) }),
      shares,
      state.facts.labels,
      shown,
    ));
  });

  return h(
    "section",
    { id: "change" },
    h("h2", {}, phrase("change.change-the-picture")),
    h("p", {}, phrase("change.what-does-the-network")),
    h(
      "div",
      { class: "row" },
      h("div", { class: "sliders" }, ...sliders, button(phrase("change.undo-all-changes"), undo), buildCamera()),
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
      await showPicture({ values, name: phrase("change.your-camera"), sample: null });
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
        said.textContent = phrase("change.the-camera-cannot-be", { error: messageOf(error) });
      }
    }
    go.textContent = stream ? phrase("change.stop-the-camera") : phrase("change.use-the-camera");
  }
  const go = button(phrase("change.use-the-camera"), turn);
  return h("div", { class: "controls" }, go, said, video);
}
