// Puts the page together and starts it.

import { buildCopyLink, followAddress, keepAddress } from "./address.js";
import { h } from "./elements.js";
import { guideKind, hasWindow, kindOf } from "./facts.js";
import { buildLayer } from "./layer.js";
import { buildNetwork } from "./network.js";
import { buildPicture, sampleOf } from "./picture.js";
import { buildPlay } from "./play.js";
import { buildScores } from "./scores.js";
import { bytesOf, load, lookAt, makerOf, on, showPicture, startEngine, state } from "./state.js";
import { buildValue } from "./value.js";
import { buildWhy } from "./why.js";
import { messageOf } from "../engine/run.js";
import { sizeOf } from "../engine/tensors.js";
import { buildGuide } from "../guide/guide.js";

/**
 * An element of the page's frame.
 * @type {(id: string) => HTMLElement}
 */
function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no element ${id}.`);
  return element;
}

/** @type {(id: string) => string} */
const textOf = (id) => byId(id).textContent ?? "";

async function start() {
  state.facts = JSON.parse(textOf("facts"));
  const main = /** @type {HTMLElement} */ (document.querySelector("main"));
  const model = bytesOf(textOf("model").trim());
  startEngine(textOf("engine"));
  const hero = h("div", { class: "hero" }, buildPicture());
  main.replaceChildren(hero);
  try {
    const { output, channelsFirst } = state.facts;
    await load({ model, output, channelsFirst });
    const { element, play } = buildPlay();
    hero.append(buildNetwork(play), buildScores(), element);
    main.append(buildLayer(), buildValue(), buildWhy());
    await showPicture(state.facts.samples.length ? sampleOf(0) : grayPicture());
    performance.mark("first-result");
    lookAt(firstLayer());
    const guide = buildGuide(guideContext());
    main.append(guide);
    document.querySelector(".page-head nav")?.append(...buildCopyLink());
    keepAddress(guide.build);
    await followAddress();
  } catch (error) {
    byId("status").textContent = messageOf(error);
  }
  checkHash(model);
}

/**
 * The first picture of a page without samples.
 * @type {() => import("./state.js").Picture}
 */
const grayPicture = () => ({
  values: new Uint8Array(sizeOf(state.facts.shape)).fill(128),
  name: "a plain gray picture",
  sample: null,
});

/**
 * The layer to begin with: the first convolution that adds several channels up.
 * @type {() => import("../engine/onnx.js").GraphNode}
 */
function firstLayer() {
  const { nodes, constants } = state.graph;
  const adding = nodes.find(({ op, inputs }) => op === "Conv" && (constants.get(inputs[1])?.shape[1] ?? 0) > 1);
  return adding ?? nodes.find(hasWindow) ?? nodes[0];
}

/**
 * What the chapters of the guide see of the page.
 * @type {() => import("../guide/parts.js").Context}
 */
function guideContext() {
  const [rows, columns, channels] = state.facts.shape;
  const context = {
    picture: { values: state.picture.values, rows, columns, channels },
    onPicture: (/** @type {() => void} */ listener) => on("run", listener),
    network: {
      layers: state.graph.nodes.map((node) => {
        const takes = node.inputs.map((input) => makerOf(input)?.name).filter((name) => name !== undefined);
        return { name: node.name, kind: guideKind(node, takes.length), text: kindOf(node), takes };
      }),
    },
  };
  on("run", () => (context.picture.values = state.picture.values));
  return context;
}

/**
 * The SHA-256 of the file in the page, computed here where the browser can, against what page.py saw on disk.
 * @type {(model: Uint8Array<ArrayBuffer>) => Promise<void>}
 */
async function checkHash(model) {
  if (!globalThis.crypto?.subtle) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", model));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const place = byId("hash");
  place.textContent =
    found === place.dataset.sha256
      ? "computed anew in this page: the same."
      : `computed anew in this page, it is ${found}: the page was changed.`;
}

start();
