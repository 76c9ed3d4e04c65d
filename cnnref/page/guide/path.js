// Chapter: the reader's own network, layer by layer, in the words of the chapters before.

import { edgesOf, lanesOf } from "./arithmetic.js";
import { chapter, layerLink, player, toChapter } from "./parts.js";
import { h, slider, svg } from "../view/elements.js";

const ROW = 36; // pixels from one layer to the next
const LANE = 16; // and from one branch to the one beside it

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
  depthwise: ["slides over each channel a kernel of its own.", "guide-pointwise"],
  pointwise: ["takes a dot product over the channels of each pixel.", "guide-pointwise"],
  globalpool: ["makes one number of each whole map.", "guide-global"],
  batchnorm: ["moves and scales each channel by numbers kept from training.", "guide-batchnorm"],
  offset: ["adds a fixed number."],
  add: ["adds two results cell by cell, as where a skip connection joins.", "guide-skip"],
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
  const { drawing, edges } = branches(layers);
  const kinds = new Map();
  for (const { kind, text } of layers)
    if (DOES[kind] && kind !== "offset") kinds.set(kind, { text, count: (kinds.get(kind)?.count ?? 0) + 1 });

  /** @type {(at: number) => void} */
  function show(at) {
    const { name, kind, text, takes = [] } = layers[at];
    const [does, id] = DOES[kind] ?? ["prepares or arranges numbers; this guide has no chapter on it."];
    along.show(at + 1);
    path.forEach((link, index) => link.setAttribute("aria-current", index === at ? "step" : "false"));
    for (const { to, line } of edges) line.classList.toggle("read", to === at);
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
      "A network is these few steps, each taking what earlier ones give. A line that leaves the path and comes",
      "back further down is a branch: a skip connection, or a path beside it. Early maps answer to edges and spots,",
      "later ones to larger and larger parts of the picture, and the last numbers are scores for the classes.",
      "Walk along the path, and look at each layer above.",
    ],
    [
      h("p", {}, "This one has ", summary, "."),
      h("div", { class: "controls" }, along, steps),
      card,
      h(
        "div",
        { class: "scroll path", tabindex: 0, role: "region", "aria-label": "The layers and their branches" },
        drawing,
        h(
          "ol",
          {},
          path.map((link) => h("li", {}, link)),
        ),
      ),
    ],
  );
}

/**
 * The lines from layer to layer, drawn beside their list: down the path, and round it where a branch goes.
 * @param {import("./parts.js").GuideLayer[]} layers
 * @returns {{ drawing: SVGElement, edges: { to: number, line: SVGElement }[] }}
 */
function branches(layers) {
  const edges = lanesOf(edgesOf(layers));
  const width = LANE * (1 + Math.max(...edges.map(({ lane }) => lane), 0));
  /** @type {(index: number) => number} */
  const middle = (index) => (index + 0.5) * ROW;
  const x = width - LANE / 2;
  const drawn = edges.map(({ from, to, lane }) => {
    const [top, bottom, left] = [middle(from), middle(to), x - lane * LANE];
    const out = `C${left},${top} ${left},${top} ${left},${top + ROW / 2} V${bottom - ROW / 2}`;
    const back = `C${left},${bottom} ${left},${bottom} ${x},${bottom}`;
    const way = lane ? `M${x},${top} ${out} ${back}` : `M${x},${top} V${bottom}`;
    return { to, line: svg("path", { d: way }) };
  });
  const dots = layers.map((_, index) => svg("circle", { cx: x, cy: middle(index), r: 4 }));
  const size = { width, height: layers.length * ROW };
  return { drawing: svg("svg", { ...size, "aria-hidden": "true" }, drawn.map(({ line }) => line), dots), edges: drawn };
}
