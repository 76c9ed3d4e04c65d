// Puts the page together and starts it.

import { buildCopyLink, followAddress, keepAddress } from "./address.js";
import { buildChange } from "./change.js";
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
import { phrase } from "../texts/texts.js";

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

/** Letters of base64; a page with more of them lets go of what it has read. */
const MUCH_TEXT = 2_000_000;

/**
 * Sections that only options bring; `extras.js` lists them where there are any.
 * @type {((bytes: (id: string) => Uint8Array<ArrayBuffer>) => HTMLElement | null | Promise<HTMLElement | null>)[]}
 */
export const SECTIONS = [];

async function start() {
  state.facts = JSON.parse(textOf("facts"));
  const main = /** @type {HTMLElement} */ (document.querySelector("main"));
  const model = bytesIn("model");
  const digest = digestOf(model);
  startEngine(textOf("engine"));
  const hero = h("div", { class: "hero" }, buildPicture());
  main.replaceChildren(hero);
  try {
    const { output, channelsFirst } = state.facts;
    state.graph = await load({ model, output, channelsFirst });
    const { element, play } = buildPlay();
    hero.append(buildNetwork(play), buildScores(), element);
    main.append(buildLayer(), buildValue(), buildWhy(), buildChange());
    await showPicture(state.facts.samples.length ? sampleOf(0) : grayPicture());
    performance.mark("first-result");
    lookAt(firstLayer());
    for (const build of SECTIONS) main.append((await build(bytesIn)) ?? "");
    const guide = buildGuide(guideContext());
    main.append(guide);
    document.querySelector(".page-head nav")?.append(...buildCopyLink());
    keepAddress(guide.build);
    await followAddress();
  } catch (error) {
    byId("status").textContent = messageOf(error);
  }
  checkHash(await digest);
}

/**
 * The bytes of a network's file. Browsers cut a long text into pieces, which are read one after the other, because the
 * text of a large network is too long to be copied; its pieces leave the page as they are read. They lie in a noscript:
 * a script would hold the whole text once more, and browsers read most other elements letter by letter.
 * @type {(id: string) => Uint8Array<ArrayBuffer>}
 */
function bytesIn(id) {
  const pieces = Array.from(byId(id).childNodes);
  const letters = pieces.reduce((sum, piece) => sum + (piece.nodeValue ?? "").length, 0);
  const large = letters > MUCH_TEXT;
  const bytes = new Uint8Array((letters / 4) * 3);
  let at = 0;
  let rest = "";
  for (const piece of pieces) {
    const text = rest + (piece.nodeValue ?? "").trim();
    const whole = text.length - (text.length % 4); // four letters are three bytes
    const part = bytesOf(text.slice(0, whole));
    bytes.set(part, at);
    at += part.length;
    rest = text.slice(whole);
    if (large) piece.remove();
  }
  return at < bytes.length ? bytes.slice(0, at) : bytes;
}

/**
 * The first picture of a page without samples.
 * @type {() => import("./state.js").Picture}
 */
const grayPicture = () => ({
  values: new Uint8Array(sizeOf(state.facts.shape)).fill(128),
  name: phrase("main.a-plain-gray-picture"),
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
 * The SHA-256 of some bytes, as it is written, or null where the browser does not compute one.
 * @type {(bytes: Uint8Array<ArrayBuffer>) => Promise<string | null>}
 */
async function digestOf(bytes) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Say whether the file in the page is the one that write.py saw on disk.
 * @type {(found: string | null) => void}
 */
function checkHash(found) {
  const place = byId("hash");
  if (found === null) return;
  place.textContent =
    found === place.dataset.sha256
      ? phrase("main.hash-same")
      : phrase("main.hash-differs", { found });
}

start();
