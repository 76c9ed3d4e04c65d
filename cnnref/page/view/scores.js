// What the network says: in a sentence, and as the probabilities of the classes.

import { exact, h } from "./elements.js";
import { tableBehind, termTable } from "./numbers.js";
import { labelOf, on, probabilities, state } from "./state.js";
import { percentage, phrase, phrases } from "../texts/texts.js";

const SHOWN = 10;
const ALL_UP_TO = 12; // so many classes are all shown, in their own order

/** @type {(share: number) => string} */
export const percent = (share) => percentage((100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 2 : 1));

/**
 * The classes, the most probable first.
 * @type {(found: number[]) => number[]}
 */
const rankedClasses = (found) => found.map((_, index) => index).sort((a, b) => found[b] - found[a] || a - b);

/** The sentence. */
export function buildStatus() {
  const status = h("p", { role: "status", id: "status" }, phrase("scores.starting"));
  on("run", () => {
    const found = probabilities();
    if (!found) {
      status.textContent = state.facts.stored.length
        ? phrase("scores.maps-are-stored")
        : phrase("scores.cannot-compute");
      return;
    }
    const [best] = rankedClasses(found);
    status.replaceChildren(
      h(
        "span",
        {},
        phrases(state.epoch ? "scores.answer-of-epoch" : "scores.answer", {
          picture: state.picture.name,
          class: h("strong", {}, labelOf(best)),
          percent: percent(found[best]),
          weights: state.epoch,
        }),
      ),
      " ",
      h("span", { class: "took" }, phrase("scores.computed-in", { milliseconds: state.milliseconds.toFixed(0) })),
    );
  });
  return status;
}

/**
 * Which classes have a bar, and in which order: few are all there, always in the same order. Of many, the most probable
 * ones; those stay where they are while a picture of one name changes, as a drawing does, until another one is best.
 * @type {(found: number[], before: { classes: number[], picture: string }) => number[]}
 */
function shownClasses(found, before) {
  if (found.length <= ALL_UP_TO) return found.map((_, index) => index);
  const order = rankedClasses(found);
  return before.picture === state.picture.name && before.classes.includes(order[0])
    ? before.classes
    : order.slice(0, SHOWN);
}

export function buildScores() {
  const list = h("ol", { class: "scores" });
  const all = h("div", {});
  let before = { classes: /** @type {number[]} */ ([]), picture: "" };
  on("run", () => {
    const found = probabilities();
    if (!found) return list.replaceChildren();
    const classes = shownClasses(found, before);
    const [best] = rankedClasses(found);
    before = { classes, picture: state.picture.name };
    if (list.children.length !== classes.length)
      list.replaceChildren(
        ...classes.map(() => h("li", {}, h("span", { class: "label" }), h("span", { class: "bar" }), h("data", {}))),
      );
    list.style.setProperty("--half", String(Math.ceil(classes.length / 2)));
    classes.forEach((index, place) => {
      const row = /** @type {HTMLLIElement} */ (list.children[place]);
      const [label, , value] = row.children;
      label.textContent = labelOf(index);
      row.style.setProperty("--share", String(found[index]));
      row.dataset.index = String(index);
      row.className = index === best ? "best" : "";
      value.setAttribute("value", String(found[index]));
      value.textContent = percent(found[index]);
    });
    all.replaceChildren(
      ...(found.length > classes.length
        ? [
            tableBehind(
              phrase("scores.all-classes"),
              () =>
                termTable(
                  [phrase("scores.class"), phrase("scores.probability")],
                  rankedClasses(found).map((index) => [labelOf(index), exact(found[index])]),
                ),
              phrase("scores.all-classes-shown", { count: found.length }),
            ),
          ]
        : []),
    );
  });
  return h("div", { class: "said" }, h("h2", {}, phrase("scores.the-answer")), list, all);
}
