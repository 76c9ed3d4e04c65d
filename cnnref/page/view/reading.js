// How a digit was read: the pictures on the way from the file or the drawing to what the network sees, step by step.
/** @import { Step } from "../picture/centre.js" */

import { h } from "./elements.js";
import { paintPicture } from "./numbers.js";
import { on, state } from "./state.js";
import { phrase } from "../texts/texts.js";

/**
 * A row of small pictures, each with what was done to it; hidden where nothing was done.
 * @type {() => HTMLElement}
 */
export function buildReading() {
  const list = h("ol", { class: "steps" });
  const element = h("div", { hidden: true }, h("h3", {}, phrase("reading.how-it-was-read")), list);
  on("run", () => {
    const steps = state.picture.steps ?? [];
    element.hidden = steps.length < 2;
    list.replaceChildren(...steps.map(shownStep));
  });
  return element;
}

/** @type {(step: Step) => HTMLElement} */
function shownStep({ name, values, rows, columns }) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  paintPicture(canvas, values, rows, columns, 1);
  return h("li", {}, canvas, h("span", { class: "note" }, name));
}
