// Elements of the page: how one is made, how a number is written, and what colour it has.
/**
 * @typedef {string | number | null | undefined | false | Node} Piece what an element can hold; null and false are left out
 * @typedef {Piece | Piece[]} Child
 * @typedef {Record<string, any>} Properties
 * @typedef {ArrayLike<number> & Iterable<number>} Numbers
 * @typedef {HTMLLabelElement & { input: HTMLInputElement, show: (next: number) => void }} Slider
 * @typedef {HTMLLabelElement & { input: HTMLSelectElement }} Choice
 * @typedef {HTMLLabelElement & { input: HTMLInputElement }} Tick
 */

import { between } from "../engine/tensors.js";
import { LANGUAGE } from "../texts/texts.js";

/**
 * An element with properties and children; text is always text, never HTML. h("p", { class: "note" }, "5 < 6")
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} properties
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  set(element, properties);
  element.append(...shown(children));
  return element;
}

/**
 * What is put into an element: lists are opened, and null, undefined and false are left out.
 * @type {(children: Child[]) => (string | Node)[]}
 */
const shown = (children) =>
  /** @type {(string | Node)[]} */ (
    children.flat().filter((child) => child !== null && child !== undefined && child !== false)
  );

/**
 * The same for a part of a drawing.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} properties
 * @param {Child[]} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, properties = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, properties);
  element.append(...shown(children));
  return element;
}

/** @type {(element: HTMLElement | SVGElement, properties: Properties) => void} */
export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") Object.assign(element, { [name]: value });
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

/**
 * A number in few digits, for a small cell: 4 significant ones.
 * @type {(value: number) => string}
 */
export function short(value) {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e6 && Number.isInteger(value)) return String(value);
  if (size < 1e-3 || size >= 1e5) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/**
 * How the numbers of one table are written so that their points stand below each other: 4 digits for the largest.
 * @type {(values: number[]) => (value: number) => string}
 */
export function aligned(values) {
  if (values.every(Number.isInteger)) return String;
  const digits = between(0, 6, 3 - Math.floor(Math.log10(magnitude(values))));
  return (value) => (Number.isFinite(value) ? value.toFixed(digits) : String(value));
}

/**
 * A number in 12 significant digits: enough for sums whose terms nearly cancel.
 * @type {(value: number) => string}
 */
export function exact(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(12))) : String(value);
}

/**
 * 61706 is "61,706" in English and "61.706" in German.
 * @type {(count: number) => string}
 */
export const thousands = (count) => count.toLocaleString(LANGUAGE);

/**
 * [28, 28, 1] is "28 × 28 × 1".
 * @type {(sizes: number[]) => string}
 */
export const by = (sizes) => sizes.join(" × ");

// Three colours carry meaning: blue is below zero, orange is above, and the page's own ground is zero.
const RAMPS = {
  light: { below: [11, 95, 165], zero: [255, 255, 255], above: [179, 64, 10] },
  dark: { below: [108, 182, 255], zero: [22, 25, 30], above: [255, 160, 77] },
};

export const darkMode = matchMedia("(prefers-color-scheme: dark)");
export const stillMode = matchMedia("(prefers-reduced-motion: reduce)");
export const narrow = matchMedia("(width < 75rem)"); // then the network runs from top to bottom

/**
 * [red, green, blue] of a value between -limit and limit.
 * @type {(value: number, limit: number) => number[]}
 */
export function colourOf(value, limit) {
  const ramp = darkMode.matches ? RAMPS.dark : RAMPS.light;
  const share = limit > 0 ? Math.max(-1, Math.min(1, value / limit)) : 0;
  const end = share < 0 ? ramp.below : ramp.above;
  return ramp.zero.map((zero, part) => Math.round(zero + (end[part] - zero) * Math.abs(share)));
}

/**
 * [red, green, blue] of a pixel value 0..255.
 * @type {(value: number) => number[]}
 */
export const grayOf = (value) => new Array(3).fill(Math.max(0, Math.min(255, Math.round(value))));

/**
 * Black or white, whichever can be read on the colour (relative luminance of WCAG 2.2).
 * @type {(colour: number[]) => string}
 */
export function inkOn(colour) {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/**
 * The largest magnitude among numbers.
 * @type {(values: Iterable<number>) => number}
 */
export function magnitude(values) {
  let most = 0;
  const list = values instanceof Float32Array ? values : [...values]; // by place, which is many times as fast
  for (let at = 0; at < list.length; at++) if (Math.abs(list[at]) > most) most = Math.abs(list[at]);
  return most;
}

/** @type {WeakMap<object, number>} */
const limits = new WeakMap();

/**
 * The largest magnitude in a result, which is computed once.
 * @type {(tensor: import("../engine/tensors.js").Tensor) => number}
 */
export function limitOf(tensor) {
  const known = limits.get(tensor) ?? magnitude(tensor.data);
  limits.set(tensor, known);
  return known;
}

const SHADES = 255; // on each side of zero
/** @type {Map<boolean, Uint32Array>} */
const shadeLists = new Map(); // by whether the page is dark

/**
 * The colours from -1 to 1, four bytes each, and where in them a value is that was divided by the limit.
 * @type {() => Uint32Array}
 */
export function shades() {
  const known = shadeLists.get(darkMode.matches);
  if (known) return known;
  const list = new Uint8ClampedArray(4 * (2 * SHADES + 1));
  for (let at = 0; at <= 2 * SHADES; at++) list.set([...colourOf(at - SHADES, SHADES), 255], 4 * at);
  const found = new Uint32Array(list.buffer);
  shadeLists.set(darkMode.matches, found);
  return found;
}
/** @type {(share: number) => number} */
export const shadeAt = (share) => SHADES + Math.round(SHADES * Math.max(-1, Math.min(1, share)));

/**
 * A labelled slider. `say(value)` writes its number; `onInput(value)` is called with it. Its `input` can be set.
 * @param {{ label: string, min: number, max: number, step?: number, value: number,
 *   onInput: (value: number) => void, say?: (value: number) => string }} options
 *  @returns {Slider}
 */
export function slider({ label, min, max, step = 1, value, onInput, say = String }) {
  const output = h("output", {}, say(value));
  const input = h("input", { type: "range", min, max, step, value });
  input.oninput = () => {
    output.textContent = say(Number(input.value));
    onInput(Number(input.value));
  };
  /** @type {(next: number) => void} */
  const show = (next) => {
    input.value = String(next);
    output.textContent = say(Number(next));
  };
  return Object.assign(h("label", { class: "slider" }, h("span", {}, label), input, output), { input, show });
}

/**
 * A labelled list to choose from; options are [value, text].
 * @type {(options: { label: string, options: string[][], value: string, onChange: (value: string) => void }) => Choice}
 */
export function choice({ label, options, value, onChange }) {
  const list = h(
    "select",
    {},
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
  );
  list.onchange = () => onChange(list.value);
  return Object.assign(h("label", { class: "choice" }, h("span", {}, label), list), { input: list });
}

/**
 * A labelled box to tick.
 * @type {(options: { label: string, value?: boolean, onChange: (checked: boolean) => void }) => Tick}
 */
export function tick({ label, value = false, onChange }) {
  const input = h("input", { type: "checkbox", checked: value });
  input.onchange = () => onChange(input.checked);
  return Object.assign(h("label", { class: "tick" }, input, h("span", {}, label)), { input });
}

/**
 * A button.
 * @type {(text: string, onclick: () => void, properties?: Properties) => HTMLButtonElement}
 */
export const button = (text, onclick, properties = {}) => h("button", { type: "button", onclick, ...properties }, text);

/**
 * Draw an element anew, and leave the keyboard where it was and tables open: by the same names as before.
 * Where that is no more, the keyboard goes on from the heading.
 * @type {(element: HTMLElement, redraw: () => void) => void}
 */
export function keepingFocus(element, redraw) {
  /** @type {(one: HTMLDetailsElement) => string} */
  const titleOf = (one) => one.querySelector("summary")?.textContent ?? "";
  const open = new Set([...element.querySelectorAll("details")].filter((one) => one.open).map(titleOf));
  const inside = element.contains(document.activeElement);
  const focused = inside ? document.activeElement?.getAttribute("aria-label") : null;
  redraw();
  for (const one of element.querySelectorAll("details")) if (open.has(titleOf(one))) one.open = true;
  if (!inside || element.contains(document.activeElement)) return;
  /** @type {HTMLElement | null} */
  const same = focused ? element.querySelector(`[aria-label="${CSS.escape(focused)}"]`) : null;
  const heading = element.querySelector("h2");
  if (!same && heading) heading.tabIndex = -1; // where it was is no more: go on from the heading
  (same ?? heading)?.focus({ preventScroll: true });
}
