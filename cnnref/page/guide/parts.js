// What several chapters are made of: the frame of a chapter, numbers as written on paper, tables to type over, steps.
/**
 * @import { Cells } from "./arithmetic.js"
 * @import { Child } from "../view/elements.js"
 * @import { HeatMap, TableOptions } from "../view/numbers.js"
 * @typedef {{ values: Uint8Array, rows: number, columns: number, channels: number }} GuidePicture
 * @typedef {{ name: string, kind: string, text: string, takes?: string[] }} GuideLayer takes: the layers it reads
 * @typedef {object} Context what the chapters see of the page
 * @property {GuidePicture} picture the reader's picture
 * @property {(listener: () => void) => void} onPicture calls the listener whenever the picture has changed
 * @property {{ layers: GuideLayer[] }} network
 * @typedef {HTMLTableElement & { show: () => void }} EditTable
 * @typedef {HTMLDivElement & {
 *   at: number, playing: () => boolean, go: (place: number) => void, stop: () => void
 * }} Player
 */

import { button, colourOf, darkMode, h, inkOn, magnitude, set, stillMode } from "../view/elements.js";
import { heatMap, numberTable, paintPicture } from "../view/numbers.js";
import { phrase, phrases } from "../texts/texts.js";

/**
 * A chapter: its sentences, what to try, the thing to try it with, and where the network does it.
 * @type {(id: string, sentences: string, task: string, doing: Child[], seen?: HTMLElement | null) => HTMLElement}
 */
export function chapter(id, sentences, task, doing, seen = null) {
  const words = h(
    "div",
    { class: "words" },
    h("h3"), // the title, which buildGuide writes
    h("p", {}, sentences.replaceAll(" × ", "\u00a0×\u00a0")),
    h("p", { class: "try" }, task),
    seen,
  );
  return h("section", { id, class: "chapter" }, words, h("div", { class: "doing" }, doing.flat()));
}

/**
 * A number as the guide writes it: whole numbers in full, others in five digits, with a true minus sign.
 * @type {(value: number) => string}
 */
export function written(value) {
  const text = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)));
  return text.replace("-", "−");
}

/**
 * A factor or term inside a sum: negative numbers in brackets.
 * @type {(value: number) => string}
 */
export const inBrackets = (value) => (value < 0 ? `(${written(value)})` : written(value));

/**
 * "1·2 + 3·(−4)" of pairs [a, b].
 * @type {(pairs: number[][]) => string}
 */
export const productsText = (pairs) => pairs.map(([a, b]) => `${inBrackets(a)}·${inBrackets(b)}`).join(" + ");

/**
 * "2 + (−12)"
 * @type {(values: number[]) => string}
 */
export const sumText = (values) => values.map(inBrackets).join(" + ");

/** Lines of arithmetic that change; what comes out stands in bold, and readers of the screen hear it. */
export const sums = () => h("div", { class: "sums", role: "status" });

/**
 * One such line: the way, and what comes out.
 * @type {(way: string, result: number | string) => HTMLElement}
 */
export const sumLine = (way, result) =>
  h("p", {}, `${way} = `, h("strong", {}, typeof result === "number" ? written(result) : result));

/**
 * Something with a name above it.
 * @type {(name: string, ...children: Child[]) => HTMLElement}
 */
export const named = (name, ...children) => h("div", {}, h("p", { class: "note" }, name), ...children);

/**
 * A sign of arithmetic and what follows it; where lines are short the two go to the next one together.
 * @type {(sign: string, ...children: Child[]) => HTMLElement}
 */
export const follows = (sign, ...children) =>
  h("div", { class: "follows" }, h("span", { class: "sign" }, sign), ...children);

/**
 * A link to a chapter.
 * @type {(id: string, text: string) => HTMLElement}
 */
export const toChapter = (id, text) => h("a", { href: `#${id}` }, text);

/**
 * Put `next` in the place of `old`; a table that was open behind it is opened again.
 * @template {HTMLElement} E
 * @param {HTMLElement} old
 * @param {E} next
 * @returns {E}
 */
export function swap(old, next) {
  const open = old.querySelector("details[open]");
  old.replaceWith(next);
  const details = next.querySelector("details");
  if (open && details) details.open = true;
  return next;
}

/**
 * The table that an element holds and nothing else.
 * @type {(element: Element) => HTMLTableElement}
 */
export const tableIn = (element) => /** @type {HTMLTableElement} */ (element.firstElementChild);

/**
 * Give each cell of a table a class.
 * @type {(table: HTMLTableElement, classOf: (row: number, column: number) => string) => void}
 */
export function markCells(table, classOf) {
  [...table.rows].forEach((line, row) =>
    [...line.cells].forEach((cell, column) => (cell.className = classOf(row, column) ?? "")),
  );
}

/**
 * Classes for markCells: the cell at a place, and the cells that a window reads.
 * @type {(place: number[]) => (row: number, column: number) => string}
 */
export const chosenAt = (place) => (row, column) => (row === place[0] && column === place[1] ? "chosen" : "");
/** @type {(cells: Cells) => (row: number, column: number) => string} */
export const readBy = (cells) => (row, column) =>
  cells.flat().some((cell) => cell.row === row && cell.column === column) ? "window" : "";

/**
 * The numbers of a window's cells, and their products with a kernel.
 * @type {(cells: Cells) => number[][]}
 */
export const valuesOf = (cells) => cells.map((line) => line.map((cell) => cell.value));
/** @type {(cells: Cells, kernel: number[][]) => number[][]} */
export const productsOf = (cells, kernel) => cells.map((line, i) => line.map((cell, j) => cell.value * kernel[i][j]));

/**
 * A table whose cells are chosen as soon as the pointer or the keyboard gets to them.
 * @type {(options: TableOptions) => HTMLTableElement}
 */
export function walkTable(options) {
  const table = numberTable(options);
  /** @type {(event: Event) => void} */
  const walk = ({ target }) => /** @type {Element} */ (target).closest("button")?.click();
  for (const event of ["pointerover", "focusin"]) table.addEventListener(event, walk);
  return table;
}

/**
 * A table of numbers to type over; `onInput` is called at each key. `values` is changed in place.
 * @type {(values: number[][], name: string, onInput: () => void, limit?: number) => EditTable}
 */
export function editTable(values, name, onInput, limit) {
  const table = numberTable({ values, name, limit, onEdit: () => {} });
  const fields = [...table.querySelectorAll("input")];
  const columns = values[0].length;
  const colour = () =>
    fields.forEach((field, index) => {
      const back = colourOf(values[Math.floor(index / columns)][index % columns], limit ?? magnitude(values.flat()));
      set(field, { style: { background: `rgb(${back})`, color: inkOn(back) } });
    });
  table.addEventListener("input", (event) => {
    const field = /** @type {HTMLInputElement} */ (event.target);
    const index = fields.indexOf(field);
    const typed = Number(field.value);
    values[Math.floor(index / columns)][index % columns] = Number.isFinite(typed) ? typed : 0;
    colour();
    onInput();
  });
  darkMode.addEventListener("change", colour);
  table.classList.add("edit");
  const show = () => {
    fields.forEach((field, index) => (field.value = String(values[Math.floor(index / columns)][index % columns])));
    colour();
  };
  return Object.assign(table, { show });
}

/**
 * Buttons to step through `count()` places, and to let them pass by themselves in about `seconds` where the reader
 * has nothing against motion. `show(place)` is called with each place; `at` is the place now.
 * @type {(options: {
 *   count: () => number, show: (place: number) => void, seconds: number, what: "layer" | "place" | "window"
 * }) => Player}
 */
export function player({ count, show, seconds, what }) {
  /** @type {number | null} */
  let timer = null;
  const play = button(phrase("guide.play"), () => (timer ? element.stop() : start()));
  const back = button("←", () => step(-1), { "aria-label": phrase(`guide.before:${what}`) });
  const next = button("→", () => step(1), { "aria-label": phrase(`guide.next:${what}`) });
  const group = h(
    "div",
    { class: "player", role: "group", "aria-label": phrase(`guide.step:${what}`) },
    back,
    play,
    next,
  );
  /** @type {Player} */
  const element = Object.assign(group, {
    at: 0,
    playing: () => timer !== null,
    go: (/** @type {number} */ place) => {
      element.at = place;
      show(place);
    },
    stop: () => {
      if (timer !== null) clearInterval(timer);
      timer = null;
      play.textContent = phrase("guide.play");
      element.closest("section")?.removeAttribute("aria-busy");
      show(element.at);
    },
  });
  /** @type {(by: number) => void} */
  function step(by) {
    if (timer) element.stop();
    element.go((element.at + by + count()) % count());
  }
  function start() {
    const pace = Math.max(40, (1000 * seconds) / count());
    const stride = Math.max(1, Math.round((pace * count()) / (1000 * seconds)));
    timer = setInterval(() => {
      if (element.at >= count() - 1) element.stop();
      else element.go(Math.min(count() - 1, element.at + stride));
    }, pace);
    play.textContent = phrase("guide.stop");
    element.closest("section")?.setAttribute("aria-busy", "true");
    element.go(0);
  }
  const still = () => {
    if (stillMode.matches && timer) element.stop();
    play.hidden = stillMode.matches;
  };
  stillMode.addEventListener("change", still);
  still();
  return element;
}

/**
 * Let a mouse that moves over a heat map choose, as a click does.
 * @type {(figure: HeatMap) => HeatMap}
 */
export function hoverPicks(figure) {
  const stage = /** @type {HTMLElement} */ (figure.querySelector(".stage"));
  stage.onpointermove = (event) => event.pointerType === "mouse" && stage.onclick?.(event);
  return figure;
}

/**
 * The picture in its own colours, whose pixels can be chosen: a heat map with another paint, and no numbers behind.
 * @type {(picture: GuidePicture, name: string, onPick: (row: number, column: number) => void) => HeatMap}
 */
export function pictureFigure({ values, rows, columns, channels }, name, onPick) {
  const figure = heatMap({ values: new Uint8Array(rows * columns), rows, columns, name, pixels: true, onPick });
  const canvas = /** @type {HTMLCanvasElement} */ (figure.querySelector("canvas"));
  paintPicture(canvas, values, rows, columns, channels);
  figure.querySelectorAll(".scale, details, .save").forEach((one) => one.remove());
  return figure;
}

/**
 * Where a link to a layer of the network leads.
 * @type {(name: string) => string}
 */
export const layerLink = (name) => `#layer-${encodeURIComponent(name)}`;

/**
 * "In the network above: conv1, conv2 and 3 more.", with links; null where no layer is of these kinds.
 * @type {(context: Context, kinds: string[]) => HTMLElement | null}
 */
export function seenIn(context, kinds) {
  const found = context.network.layers.filter((layer) => kinds.includes(layer.kind));
  if (!found.length) return null;
  const links = found
    .slice(0, 3)
    .map(({ name }, index) => [index ? ", " : "", h("a", { href: layerLink(name) }, name)]);
  return h(
    "p",
    { class: "note" },
    phrases(
      found.length > 3 ? "guide.seen-in-more" : "guide.seen-in",
      { layers: links.flat(), more: found.length - 3 },
    ),
  );
}
