// Pictures of numbers: a small table whose cells are coloured, and a heat map with a table behind it.

import { aligned, button, colourOf, exact, grayOf, h, inkOn, magnitude, set, shadeAt, shades, short } from "./elements.js";
import { saveButtons } from "./save.js";
import { phrase } from "../texts/texts.js";

/**
 * The pen of a canvas.
 * @type {(canvas: HTMLCanvasElement, settings?: CanvasRenderingContext2DSettings) => CanvasRenderingContext2D}
 */
export function contextOf(canvas, settings) {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error(phrase("numbers.the-browser-has-no"));
  return context;
}

/**
 * @typedef {object} TableOptions
 * @property {(number | null)[][]} values
 * @property {string} name
 * @property {number} [limit]
 * @property {boolean} [pixels]
 * @property {(row: number, column: number) => string} [classOf]
 * @property {(row: number, column: number) => void} [onPick]
 * @property {(row: number, column: number, value: number) => void} [onEdit]
 * @property {(value: number) => string} [write]
 * @property {number[]} [origin]
 *
 * @typedef {HTMLElement & { at?: number[], choose: (row: number, column: number) => void }} HeatMap
 *
 * @typedef {object} HeatMapOptions
 * @property {Float32Array | Uint8Array | number[]} values
 * @property {number} rows
 * @property {number} columns
 * @property {string} name
 * @property {number} [limit]
 * @property {boolean} [pixels]
 * @property {boolean} [positive] whether no value can be below zero
 * @property {(row: number, column: number) => void} [onPick]
 * @property {number[]} [chosen]
 * @property {{ values: Uint8Array, rows: number, columns: number, channels: number }} [under]
 */

/**
 * A table of coloured numbers.
 *   values   rows of numbers; null is a cell with nothing in it
 *   name     what the numbers are; the caption, which is also read aloud
 *   limit    the magnitude with the full colour; by default the largest
 *   pixels   true for values 0..255 that are shown in gray
 *   classOf  (row, column) -> "window", "padding", "chosen" or "" : marks a cell
 *   onPick   (row, column) -> called when a cell is clicked or entered; cells are then buttons that arrow keys reach
 *   onEdit   (row, column, number) -> called when a number is typed; cells are then fields
 *   write    number -> text, by default `short`
 *   origin   [row, column] that the first cell is called
 * @param {TableOptions} options
 */
export function numberTable({ values, name, limit, pixels = false, classOf, onPick, onEdit, write, origin = [0, 0] }) {
  const filled = values.flat().filter((value) => value !== null);
  const most = limit ?? magnitude(filled);
  write ??= aligned(filled);
  const cells = [];
  const rows = values.map((line, row) =>
    h(
      "tr",
      {},
      line.map((value, column) => {
        const cell = numberCell({ value, row, column, most, pixels, write, onPick, onEdit, origin });
        if (classOf && value !== null) cell.className = classOf(row, column) ?? "";
        cells.push(cell);
        return cell;
      }),
    ),
  );
  const table = h("table", { class: "numbers" }, h("caption", {}, name), h("tbody", {}, rows));
  if (onPick) arrowKeys(table, () => [...table.querySelectorAll("button")], values[0].length);
  return table;
}

/** @type {(cell: { value: number | null, row: number, column: number, most: number, pixels: boolean, write: (value: number) => string, onPick?: (row: number, column: number) => void, onEdit?: (row: number, column: number, value: number) => void, origin: number[] }) => HTMLTableCellElement} */
function numberCell({ value, row, column, most, pixels, write, onPick, onEdit, origin }) {
  if (value === null) return h("td", { class: "empty" });
  const colour = pixels ? grayOf(value) : colourOf(value, most);
  const style = { "background-color": `rgb(${colour})`, color: inkOn(colour) };
  const place = phrase("numbers.row-column", { row: row + origin[0], column: column + origin[1] });
  if (onEdit) {
    const field = h("input", { type: "number", step: "any", value, "aria-label": place, style });
    field.onchange = () => onEdit(row, column, field.value === "" ? 0 : Number(field.value));
    return h("td", {}, field);
  }
  if (onPick) {
    const pick = button(write(value), () => onPick(row, column), { "aria-label": `${place}: ${write(value)}`, style });
    return h("td", {}, pick);
  }
  return h("td", { style }, write(value));
}

/**
 * One tab stop for a grid of buttons; arrow keys move inside it.
 * @type {(container: HTMLElement, buttons: () => HTMLElement[], columns: number) => void}
 */
export function arrowKeys(container, buttons, columns) {
  buttons().forEach((one, index) => (one.tabIndex = index ? -1 : 0));
  container.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    /** @type {Record<string, number>} */
    const step = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns,
      ArrowDown: columns,
      Home: -at,
      End: all.length - 1 - at,
    };
    if (at < 0 || !(event.key in step) || !all[at + step[event.key]]) return;
    event.preventDefault();
    const next = all[at + step[event.key]];
    all[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  container.addEventListener("focusin", (event) => {
    const { target } = event;
    if (target instanceof HTMLButtonElement) buttons().forEach((one) => (one.tabIndex = one === target ? 0 : -1));
  });
}

/**
 * Paint numbers, one pixel each, into a canvas that CSS enlarges. values are [rows * columns], limit as above; with
 * `sheer`, what is near zero can be seen through.
 * @param {HTMLCanvasElement} canvas
 * @param {import("./elements.js").Numbers} values
 * @param {number} rows
 * @param {number} columns
 * @param {{ limit?: number, pixels?: boolean, sheer?: boolean }} options
 */
export function paint(canvas, values, rows, columns, { limit, pixels = false, sheer = false } = {}) {
  canvas.width = columns;
  canvas.height = rows;
  const context = contextOf(canvas, { willReadFrequently: true }); // in plain memory, which is quicker for so little
  const image = context.createImageData(columns, rows);
  const most = limit ?? magnitude(values);
  if (!sheer && !pixels) {
    const colours = shades();
    const words = new Uint32Array(image.data.buffer);
    for (let cell = 0; cell < rows * columns; cell++) words[cell] = colours[shadeAt(values[cell] / (most || 1))];
    return context.putImageData(image, 0, 0);
  }
  for (let cell = 0; cell < rows * columns; cell++) {
    image.data.set(sheer ? colourOf(Math.sign(values[cell]), 1) : grayOf(values[cell]), 4 * cell);
    image.data[4 * cell + 3] = sheer && most > 0 ? 220 * Math.min(1, Math.abs(values[cell]) / most) ** 0.7 : 255;
  }
  context.putImageData(image, 0, 0);
}

/**
 * Paint a picture [rows, columns, 1 or 3] of values 0..255.
 * @type {(canvas: HTMLCanvasElement, picture: ArrayLike<number>, rows: number, columns: number, channels: number) => void}
 */
export function paintPicture(canvas, picture, rows, columns, channels) {
  canvas.width = columns;
  canvas.height = rows;
  const context = contextOf(canvas);
  const image = context.createImageData(columns, rows);
  for (let cell = 0; cell < rows * columns; cell++) {
    for (let part = 0; part < 3; part++)
      image.data[4 * cell + part] = picture[cell * channels + (channels === 3 ? part : 0)];
    image.data[4 * cell + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/**
 * A heat map: a canvas, its name, and the numbers themselves in a table that opens below.
 *   values, rows, columns, limit, pixels as above;  name  what it shows
 *   onPick(row, column)  makes its cells choosable, by mouse or arrow keys;  chosen  [row, column] marked by a frame
 *   under  { values, rows, columns, channels }: a picture that the colours are laid over
 * @param {HeatMapOptions} options
 * @returns {HeatMap}
 */
export function heatMap({ values, rows, columns, name, limit, pixels, positive, onPick, chosen, under }) {
  const most = limit ?? magnitude(values);
  const canvas = h("canvas", { role: "img", "aria-label": name });
  const frame = h("div", { class: "cell-frame", hidden: true });
  const stage = h("div", { class: "stage", style: { "--rows": rows, "--columns": columns } }, canvas, frame);
  if (under) stage.prepend(below(under));
  /** @type {(row: number, column: number) => void} */
  const choose = (row, column) => {
    if (onPick) {
      const value = pixels ? String(values[row * columns + column]) : short(values[row * columns + column]);
      stage.setAttribute(
        "aria-label",
        phrase("numbers.place-and-value", { name: gridLabel(name), row, column, value }),
      );
    }
    frame.hidden = false;
    set(frame, { style: { "--row": row, "--column": column } });
    figure.at = [row, column];
  };
  /** @type {HeatMap} */
  const figure = Object.assign(
    h("figure", { class: "heat" }, stage, h("figcaption", {}, name), scaleOf(most, pixels, positive)),
    { choose },
  );
  paint(canvas, values, rows, columns, { limit: most, pixels, sheer: Boolean(under) });
  if (onPick)
    pickable(stage, figure, rows, columns, name, (row, column) => {
      figure.choose(row, column);
      onPick(row, column);
    });
  if (chosen) figure.choose(chosen[0], chosen[1]);
  figure.append(
    tableBehind(name, () =>
      numberTable({
        values: Array.from({ length: rows }, (_, row) => Array.from(values.slice(row * columns, (row + 1) * columns))),
        name,
        limit: most,
        pixels,
        write: exact,
      }),
    ),
    saveButtons(name, () => stage),
  );
  return figure;
}

/**
 * The picture that shimmers through a heat map.
 * @type {(picture: { values: Uint8Array, rows: number, columns: number, channels: number }) => HTMLCanvasElement}
 */
function below({ values, rows, columns, channels }) {
  const picture = h("canvas", { class: "below", "aria-hidden": "true" });
  paintPicture(picture, values, rows, columns, channels);
  return picture;
}

/**
 * What the colours of a heat map mean.
 * @type {(limit: number, pixels?: boolean, positive?: boolean) => HTMLElement}
 */
export function scaleOf(limit, pixels, positive) {
  if (positive) return h("p", { class: "scale" }, "0", h("span", { class: "ramp positive" }), short(limit));
  if (pixels) return h("p", { class: "scale" }, "0", h("span", { class: "ramp gray" }), "255");
  return h("p", { class: "scale" }, short(-limit), h("span", { class: "ramp" }), short(limit));
}

/**
 * A closed box with a table that is made when it is opened.
 * @type {(name: string, make: () => HTMLElement, text?: string) => HTMLDetailsElement}
 */
export function tableBehind(name, make, text = phrase("numbers.numbers")) {
  const details = h(
    "details",
    { class: "behind" },
    h("summary", {}, text, h("span", { class: "hidden" }, phrase("numbers.of", { name }))),
  );
  details.ontoggle = () => {
    if (details.open && details.children.length === 1) {
      details.append(h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, make()));
    }
  };
  return details;
}

const ROWS_AT_ONCE = 2000;

/**
 * A table with a head, of texts and buttons; rows beyond the first thousands come when they are asked for.
 * @type {(head: string[], rows: import("./elements.js").Child[][], properties?: import("./elements.js").Properties) => HTMLElement}
 */
export function termTable(head, rows, properties = {}) {
  /** @type {(cells: import("./elements.js").Child[]) => HTMLElement} */
  const line = (cells) =>
    h(
      "tr",
      {},
      cells.map((cell) => h("td", {}, cell)),
    );
  const body = h("tbody", {}, rows.slice(0, ROWS_AT_ONCE).map(line));
  const table = h(
    "table",
    { ...properties, class: `list ${properties.class ?? ""}` },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        head.map((one) => h("th", { scope: "col" }, one)),
      ),
    ),
    body,
  );
  if (rows.length <= ROWS_AT_ONCE) return table;
  const more = button(phrase("numbers.show-the-others", { count: rows.length - ROWS_AT_ONCE }), () => {
    body.append(...rows.slice(ROWS_AT_ONCE).map(line));
    more.remove();
  });
  return h("div", {}, table, more);
}

/** @type {(name: string) => string} */
const gridLabel = (name) => phrase("numbers.arrow-keys-choose-a", { name });

/** @type {(stage: HTMLElement, figure: HeatMap, rows: number, columns: number, name: string, pick: (row: number, column: number) => void) => void} */
export function pickable(stage, figure, rows, columns, name, pick) {
  stage.classList.add("pickable");
  set(stage, {
    tabindex: 0,
    role: "application",
    "aria-roledescription": phrase("numbers.grid-of-values"),
    "aria-label": gridLabel(name),
  });
  stage.onclick = (event) => {
    const box = stage.getBoundingClientRect();
    /** @type {(share: number, count: number) => number} */
    const place = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    pick(place((event.clientY - box.top) / box.height, rows), place((event.clientX - box.left) / box.width, columns));
  };
  stage.onkeydown = (event) => {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    const [row, column] = figure.at ?? [0, 0];
    pick(Math.max(0, Math.min(rows - 1, row + move[0])), Math.max(0, Math.min(columns - 1, column + move[1])));
  };
}
