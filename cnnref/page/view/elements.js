// Elements of the page: how one is made, how a number is written, and what colour it has.

import { between } from "../engine/tensors.js";

/** An element with properties and children; text is always text, never HTML. h("p", { class: "note" }, "5 < 6") */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  set(element, properties);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The same for a part of a drawing. */
export function svg(tag, properties = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, properties);
  element.append(...children.flat());
  return element;
}

export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element[name] = value;
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

/** A number in few digits, for a small cell: 4 significant ones. */
export function short(value) {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e6 && Number.isInteger(value)) return String(value);
  if (size < 1e-3 || size >= 1e5) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** How the numbers of one table are written so that their points stand below each other: 4 digits for the largest. */
export function aligned(values) {
  if (values.every(Number.isInteger)) return String;
  const digits = between(0, 6, 3 - Math.floor(Math.log10(magnitude(values))));
  return (value) => (Number.isFinite(value) ? value.toFixed(digits) : String(value));
}

/** A number in 12 significant digits: enough for sums whose terms nearly cancel. */
export function exact(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(12))) : String(value);
}

/** 61706 is "61,706". */
export const thousands = (count) => count.toLocaleString("en-US");

/** 3 "layers", 1 "layer". */
export const counted = (count, word) => `${thousands(count)} ${word}${count === 1 ? "" : "s"}`;

/** [28, 28, 1] is "28 × 28 × 1". */
export const by = (sizes) => sizes.join(" × ");

// Three colours carry meaning: blue is below zero, orange is above, and the page's own ground is zero.
const RAMPS = {
  light: { below: [11, 95, 165], zero: [255, 255, 255], above: [179, 64, 10] },
  dark: { below: [108, 182, 255], zero: [22, 25, 30], above: [255, 160, 77] },
};

export const darkMode = matchMedia("(prefers-color-scheme: dark)");
export const stillMode = matchMedia("(prefers-reduced-motion: reduce)");

/** [red, green, blue] of a value between -limit and limit. */
export function colourOf(value, limit) {
  const ramp = darkMode.matches ? RAMPS.dark : RAMPS.light;
  const share = limit > 0 ? Math.max(-1, Math.min(1, value / limit)) : 0;
  const end = share < 0 ? ramp.below : ramp.above;
  return ramp.zero.map((zero, part) => Math.round(zero + (end[part] - zero) * Math.abs(share)));
}

/** [red, green, blue] of a pixel value 0..255. */
export const grayOf = (value) => new Array(3).fill(Math.max(0, Math.min(255, Math.round(value))));

/** Black or white, whichever can be read on the colour (relative luminance of WCAG 2.2). */
export function inkOn(colour) {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/** The largest magnitude among numbers. */
export function magnitude(values) {
  let most = 0;
  for (const value of values) if (Math.abs(value) > most) most = Math.abs(value);
  return most;
}

/**
 * A labelled slider. `say(value)` writes its number; `onInput(value)` is called with it. Its `input` can be set.
 * @param {{ label: string, min: number, max: number, step?: number, value: number,
 *   onInput: (value: number) => void, say?: (value: number) => string }} options
 */
export function slider({ label, min, max, step = 1, value, onInput, say = String }) {
  const output = h("output", {}, say(value));
  const input = h("input", { type: "range", min, max, step, value });
  input.oninput = () => {
    output.textContent = say(Number(input.value));
    onInput(Number(input.value));
  };
  const element = h("label", { class: "slider" }, h("span", {}, label), input, output);
  element.input = input;
  element.show = (next) => {
    input.value = next;
    output.textContent = say(Number(next));
  };
  return element;
}

/** A labelled list to choose from; options are [value, text]. */
export function choice({ label, options, value, onChange }) {
  const list = h(
    "select",
    {},
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
  );
  list.onchange = () => onChange(list.value);
  const element = h("label", { class: "choice" }, h("span", {}, label), list);
  element.input = list;
  return element;
}

/** A labelled box to tick. */
export function tick({ label, value = false, onChange }) {
  const input = h("input", { type: "checkbox", checked: value });
  input.onchange = () => onChange(input.checked);
  const element = h("label", { class: "tick" }, input, h("span", {}, label));
  element.input = input;
  return element;
}

/** A button. */
export const button = (text, onclick, properties = {}) => h("button", { type: "button", onclick, ...properties }, text);

/** Draw an element anew, and leave the keyboard where it was: on what has the same name as before. */
export function keepingFocus(element, redraw) {
  const focused = element.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  redraw();
  if (focused) element.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}
