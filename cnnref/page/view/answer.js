// The most probable classes as bars: for a comparison, and where a picture changes.

import { h } from "./elements.js";
import { percent } from "./scores.js";
import { phrase } from "../texts/texts.js";

/** How many classes are shown. */
const CLASSES_SHOWN = 5;

/**
 * The places of the most probable classes, the best first.
 * @type {(shares: number[]) => number[]}
 */
export const bestClasses = (shares) =>
  shares
    .map((share, index) => ({ share, index }))
    .sort((a, b) => b.share - a.share || a.index - b.index)
    .slice(0, CLASSES_SHOWN)
    .map(({ index }) => index);

/**
 * Bars of some classes, by default of the most probable ones.
 * @type {(title: string, shares: number[], labels: string[], classes?: number[]) => HTMLElement}
 */
export function answerOf(title, shares, labels, classes = bestClasses(shares)) {
  const items = classes.map((index) =>
    h(
      "li",
      { style: { "--share": shares[index] } },
      h("span", { class: "label" }, labels[index] ?? phrase("answer.class", { index })),
      h("span", { class: "bar" }),
      h("data", { value: shares[index] }, percent(shares[index])),
    ),
  );
  return h("div", { class: "half answer" }, h("h3", {}, title), h("ol", { class: "bars" }, items));
}
