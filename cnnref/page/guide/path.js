// Chapter: the reader's own network, layer by layer, in the words of the chapters before.

import { chapter, layerLink, player, toChapter } from "./parts.js";
import { h, slider } from "../view/elements.js";

/**
 * What a layer does, in a sentence, and the chapter about it.
 * @type {Record<string, string[]>}
 */
const DOES = {
  conv: ["slides kernels over what it gets, and every kernel gives a map.", "guide-kernel"],
  maxpool: ["keeps the greatest number of each window.", "guide-pooling"],
  averagepool: ["keeps the mean of each window, or of a whole map.", "guide-pooling"],
  flatten: ["lays all cells into one row.", "guide-flatten"],
  dense: ["makes each output a weighted sum of all its inputs.", "guide-dense"],
  relu: ["sets what is below zero to zero.", "guide-activations"],
  leakyrelu: ["lets only a part pass of what is below zero.", "guide-activations"],
  sigmoid: ["presses every number between 0 and 1.", "guide-activations"],
  tanh: ["presses every number between −1 and 1.", "guide-activations"],
  softmax: ["turns scores into shares that add up to 1.", "guide-softmax"],
  batchnorm: ["moves and scales each channel by numbers kept from training."],
  add: ["adds cell by cell: another result where a short cut joins, or a fixed number."],
  concat: ["lays maps behind one another: more channels."],
};

/** @type {(context: import("./parts.js").Context) => HTMLElement} */
export function chapterPath(context) {
  const { layers } = context.network;
  const card = h("div", { class: "path-card", role: "status" });
  const steps = player({ count: () => layers.length, show, seconds: Math.min(60, 1.5 * layers.length), what: "layer" });
  const along = slider({
    label: "layer",
    min: 1,
    max: layers.length,
    value: 1,
    say: (at) => `${at} of ${layers.length}`,
    onInput: (at) => {
      if (steps.playing()) steps.stop();
      steps.go(at - 1);
    },
  });
  const path = layers.map(({ name }) => h("a", { href: layerLink(name) }, name));
  const kinds = new Map();
  for (const { kind, text } of layers)
    if (DOES[kind]) kinds.set(kind, { text, count: (kinds.get(kind)?.count ?? 0) + 1 });

  /** @type {(at: number) => void} */
  function show(at) {
    const { name, kind, text, takes = [] } = layers[at];
    const [does, id] = DOES[kind] ?? ["prepares or arranges numbers; this guide has no chapter on it."];
    along.show(at + 1);
    path.forEach((link, index) => link.setAttribute("aria-current", index === at ? "step" : "false"));
    card.replaceChildren(
      h(
        "p",
        {},
        h("a", { href: layerLink(name) }, name),
        `, ${text}: ${does}`,
        id ? [" ", toChapter(id, "Its chapter"), "."] : "",
      ),
      h(
        "p",
        { class: "note" },
        takes.length ? `takes what ${takes.join(" and ")} gave` : "takes your picture",
        at < layers.length - 1 ? `; in the order of the file, ${layers[at + 1].name} is next` : "; the last",
      ),
    );
  }

  show(0);
  const summary = [...kinds]
    .map(([kind, { text, count }], index) => [
      index ? ", " : "",
      `${count} × `,
      DOES[kind][1] ? toChapter(DOES[kind][1], text) : text,
    ])
    .flat();
  return chapter(
    "guide-network",
    [
      "A network is these few steps, one after the other, each taking what earlier ones give. Early maps",
      "answer to edges and spots, later ones to larger and larger parts of the picture, and the last numbers are",
      "scores for the classes.",
      "Walk along the path, and look at each layer above.",
    ],
    [
      h("p", {}, "This one has ", summary, "."),
      h("div", { class: "controls" }, along, steps),
      card,
      h(
        "div",
        { class: "scroll" },
        h(
          "ol",
          { class: "path" },
          path.map((link) => h("li", {}, link)),
        ),
      ),
    ],
  );
}
