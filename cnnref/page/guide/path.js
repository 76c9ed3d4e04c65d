// Chapter: the reader's own network, layer by layer, in the words of the chapters before.

import { edgesOf, lanesOf } from "./arithmetic.js";
import { chapter, layerLink, player, toChapter } from "./parts.js";
import { h, slider, svg } from "../view/elements.js";
import { listed, phrase, phrases } from "../texts/texts.js";

const ROW = 36; // pixels from one layer to the next
const LANE = 16; // and from one branch to the one beside it

/**
 * What a layer does, in a sentence, and the chapter about it.
 * @type {Record<string, string[]>}
 */
const DOES = {
  conv: [phrase("guide.path.slides-kernels-over-what"), "guide-kernel"],
  maxpool: [phrase("guide.path.keeps-the-greatest-number"), "guide-pooling"],
  averagepool: [phrase("guide.path.keeps-the-mean-of"), "guide-pooling"],
  flatten: [phrase("guide.path.lays-all-cells-into"), "guide-flatten"],
  dense: [phrase("guide.path.makes-each-output-a"), "guide-dense"],
  relu: [phrase("guide.path.sets-what-is-below"), "guide-activations"],
  leakyrelu: [phrase("guide.path.lets-only-a-part"), "guide-activations"],
  sigmoid: [phrase("guide.path.sigmoid"), "guide-activations"],
  tanh: [phrase("guide.path.tanh"), "guide-activations"],
  softmax: [phrase("guide.path.turns-scores-into-shares"), "guide-softmax"],
  depthwise: [phrase("guide.path.slides-over-each-channel"), "guide-pointwise"],
  pointwise: [phrase("guide.path.takes-a-dot-product"), "guide-pointwise"],
  globalpool: [phrase("guide.path.makes-one-number-of"), "guide-global"],
  batchnorm: [phrase("guide.path.moves-and-scales-each"), "guide-batchnorm"],
  offset: [phrase("guide.path.adds-a-fixed-number")],
  add: [phrase("guide.path.adds-two-results-cell"), "guide-skip"],
  concat: [phrase("guide.path.lays-maps-behind-one")],
};

/** @type {(context: import("./parts.js").Context) => HTMLElement} */
export function chapterPath(context) {
  const { layers } = context.network;
  const card = h("div", { class: "path-card", role: "status" });
  const steps = player({ count: () => layers.length, show, seconds: Math.min(60, 1.5 * layers.length), what: "layer" });
  const along = slider({
    label: phrase("guide.path.layer"),
    min: 1,
    max: layers.length,
    value: 1,
    say: (at) => phrase("guide.path.of", { at, count: layers.length }),
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
    const [does, id] = DOES[kind] ?? [phrase("guide.path.prepares-or-arranges-numbers")];
    along.show(at + 1);
    path.forEach((link, index) => link.setAttribute("aria-current", index === at ? "step" : "false"));
    for (const { to, line } of edges) line.classList.toggle("read", to === at);
    card.replaceChildren(
      h(
        "p",
        {},
        h("a", { href: layerLink(name) }, name),
        `, ${text}: ${does}`,
        id ? [" ", toChapter(id, phrase("guide.path.its-chapter")), "."] : "",
      ),
      h(
        "p",
        { class: "note" },
        takes.length ? phrase("guide.path.takes", { layers: listed(takes) }) : phrase("guide.path.takes-picture"),
        "; ",
        at < layers.length - 1 ? phrase("guide.path.is-next", { name: layers[at + 1].name }) : phrase(
          "guide.path.the-last",
        ),
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
    phrase("guide.network.words"),
    phrase("guide.network.try"),
    [
      h("p", {}, phrases("guide.path.this-one-has", { layers: summary })),
      h("div", { class: "controls" }, along, steps),
      card,
      h(
        "div",
        { class: "scroll path", tabindex: 0, role: "region", "aria-label": phrase("guide.path.the-layers-and-their") },
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
