// What is looked at, in the address: picture, layer, value, class, and the part of the page. Back leads back to it, and
// the address can be handed on:
//
//   #why&picture=2&layer=conv2&value=13&class=3      #layer-conv2      #guide-pooling
/** @import { Picture } from "./state.js" */

import { button, h } from "./elements.js";
import { sampleOf } from "./picture.js";
import { askAbout, lookAt, lookAtValue, nodeNamed, on, showPicture, state } from "./state.js";
import { phrase } from "../texts/texts.js";

/**
 * Pictures of the reader's own, which no address can hold; Back finds them here for as long as the page is open.
 * @type {Picture[]}
 */
const own = [];

/**
 * What else the address holds: how it is now, null for nothing, and how the page comes to that.
 * @type {Record<string, { now: () => number | null, most: () => number, go: (next: number | null) => Promise<void>, picture?: boolean }>}
 */
export const MORE = {};

let following = false; // while the page becomes what its address says, nothing is written into it
let part = ""; // of the page, or a chapter: what the address begins with
/** @type {(id: string) => unknown} */
let buildChapter = () => false;

/** @type {(hash: string) => { anchor: string, given: URLSearchParams }} */
function parsed(hash) {
  const pieces = hash.slice(1).split("&");
  const anchor = pieces[0].includes("=") ? "" : pieces[0];
  const given = new URLSearchParams(pieces.filter((one) => one.includes("=")).join("&"));
  if (anchor.startsWith("layer-")) given.set("layer", decoded(anchor.slice("layer-".length)));
  return { anchor, given };
}

/** @type {(text: string) => string} */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that encodes nothing
  }
}

/**
 * The address of what is looked at now.
 * @type {() => string}
 */
function addressNow() {
  const { picture, node, at, asked } = state;
  const facts = [
    picture.sample === null ? "" : `picture=${picture.sample}`,
    node && part !== `layer-${node.name}` ? `layer=${encodeURIComponent(node.name)}` : "",
    node ? `value=${at}` : "",
    asked === null ? "" : `class=${asked}`,
    ...Object.entries(MORE).map(([name, { now }]) => (now() === null ? "" : `${name}=${now()}`)),
  ];
  return `#${[encodeURIComponent(part), ...facts].filter((one) => one).join("&")}`;
}

/**
 * Write the address; `step` for what Back should lead back from.
 * @type {(step: boolean) => void}
 */
function write(step) {
  if (following) return;
  const { picture } = state;
  const place = picture.sample === null ? own.indexOf(picture) : null;
  const old = history.state?.own ?? null;
  const hash = addressNow();
  if (hash === location.hash && place === old) return;
  if (step) history.pushState({ own: place }, "", hash);
  else history.replaceState({ own: place }, "", hash);
}

/**
 * Write the address whenever something is chosen, and follow it whenever it changes; `build` builds a chapter.
 * @type {(build: (id: string) => unknown) => void}
 */
export function keepAddress(build) {
  buildChapter = build;
  let { picture, node } = state;
  on("run", () => {
    const drawn = picture.sample === null && state.picture.name === picture.name; // a line more of the same drawing
    if (state.picture.sample === null && !own.includes(state.picture)) {
      if (drawn && own.length) own[own.length - 1] = state.picture;
      else own.push(state.picture);
    }
    if (picture !== state.picture) write(!drawn);
    picture = state.picture;
  });
  on("value", () => {
    const moved = node !== state.node;
    if (moved && part.startsWith("layer-")) part = `layer-${state.node?.name}`;
    node = state.node;
    write(moved);
  });
  on("class", () => write(true));
  on("weights", () => write(false));
  addEventListener("popstate", followAddress);
  addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest?.("a[href^='#']");
    const { anchor, given } = parsed(link?.getAttribute("href") ?? "");
    const layer = nodeNamed(given.get("layer") ?? "");
    if (!link || !anchor || event.ctrlKey || event.metaKey || event.shiftKey) return; // those open it elsewhere
    event.preventDefault();
    part = anchor.startsWith("layer-") && layer ? `layer-${layer.name}` : anchor;
    if (layer && layer !== state.node) lookAt(layer);
    else write(true);
    goToPart(true);
  });
}

/** Become what the address says; whatever it does not name stays. */
export async function followAddress() {
  const { anchor, given } = parsed(location.hash);
  following = true;
  /** @type {(name: string, most: number) => number | null} */
  const number = (name, most) => {
    const text = given.get(name) ?? "";
    return /^\d{1,9}$/.test(text) && Number(text) < most ? Number(text) : null;
  };
  for (const [name, { now, most, go }] of Object.entries(MORE)) {
    const next = number(name, most());
    if (next !== now()) await go(next);
  }
  const sample = number("picture", state.facts.samples.length);
  const picture = sample === null ? own[history.state?.own] : sampleOf(sample);
  if (picture && picture !== state.picture) await showPicture(picture);
  const node = nodeNamed(given.get("layer") ?? "");
  const value = node ? number("value", state.tensors.get(node.output)?.data.length ?? 0) : null;
  if (node && value !== null) lookAtValue(node.output, value);
  else if (node && node !== state.node) lookAt(node);
  const asked = number("class", state.facts.labels.length);
  if (asked !== state.asked) askAbout(asked);
  following = false;
  part = anchor.startsWith("layer-") && node ? `layer-${node.name}` : decoded(anchor);
  goToPart(Boolean(node));
}

/**
 * Show the part of the page that the address names, which may not have been there when the browser looked for it.
 * @type {(focus: boolean) => void}
 */
function goToPart(focus) {
  if (part.startsWith("guide-")) buildChapter(part);
  const place = part ? document.getElementById(part) : null;
  place?.scrollIntoView();
  if (focus && part.startsWith("layer-")) place?.focus({ preventScroll: true });
}

/**
 * A button that copies the address, and what came of it.
 * @type {() => HTMLElement[]}
 */
export function buildCopyLink() {
  const told = h("span", { class: "note", role: "status" });
  const copy = button(phrase("address.copy-link"), async () => {
    write(false);
    const known = state.picture.sample !== null || Object.values(MORE).some(({ picture, now }) => picture && now() !== null);
    const done = await navigator.clipboard?.writeText(location.href).then(
      () => true,
      () => false,
    );
    told.textContent = phrase(!done ? "address.not-allowed" : known ? "address.copied" : "address.copied-without");
  });
  return [copy, told];
}
