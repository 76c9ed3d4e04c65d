// What the network says: the probabilities of the classes, the best first.

import { exact, h, thousands } from "./elements.js";
import { tableBehind, termTable } from "./numbers.js";
import { labelOf, on, probabilities, state } from "./state.js";

const SHOWN = 10;

/** @type {(share: number) => string} */
const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 2 : 1)} %`;

export function buildScores() {
  const list = h("ol", { class: "scores" });
  const status = h("p", { role: "status", id: "status" }, "Starting.");
  const all = h("div", {});
  on("run", () => {
    const found = probabilities();
    if (!found) {
      status.textContent = state.facts.stored.length
        ? "This network has operators that the page cannot compute; the sample pictures have their maps stored."
        : "This network has operators that the page cannot compute.";
      return list.replaceChildren();
    }
    const order = found.map((share, index) => [share, index]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    const items = /** @type {HTMLLIElement[]} */ ([...list.children]);
    const kept = items.length === Math.min(SHOWN, order.length) ? items : null;
    const rows =
      kept ??
      order
        .slice(0, SHOWN)
        .map(() => h("li", {}, h("span", { class: "label" }), h("span", { class: "bar" }), h("data", {})));
    if (!kept) list.replaceChildren(...rows);
    rows.forEach((row, place) => {
      const [share, index] = order[place];
      const [label, , value] = row.children;
      label.textContent = labelOf(index);
      row.style.setProperty("--share", String(share));
      row.dataset.index = String(index);
      value.setAttribute("value", String(share));
      value.textContent = percent(share);
    });
    const best = `${labelOf(order[0][1])}, ${percent(order[0][0])}`;
    const took = `Computed in ${state.milliseconds.toFixed(0)} ms.`;
    status.textContent = `${state.picture.name}: most probably ${best}. ${took}`;
    all.replaceChildren(
      ...(order.length > SHOWN
        ? [
            tableBehind(
              "all classes",
              () =>
                termTable(
                  ["class", "probability"],
                  order.map(([share, index]) => [labelOf(index), exact(share)]),
                ),
              `All ${thousands(order.length)} classes`,
            ),
          ]
        : []),
    );
  });
  return h("div", { class: "said" }, h("h3", {}, "What the network says"), status, list, all);
}
