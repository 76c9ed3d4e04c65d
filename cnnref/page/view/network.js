// The network as a drawing: every map of every layer in columns, lines for what flows between, and one map chosen.
/**
 * @import { Box, Drawing, Read } from "./edges.js"
 * @import { Placed } from "./folding.js"
 * @import { Explanation, Group as Cells } from "../engine/contributions.js"
 * @import { Axes } from "./tiles.js"
 * @import { GraphNode } from "../engine/onnx.js"
 */

import { drawEdges, drawReads } from "./edges.js";
import { button, by, darkMode, h, narrow, set } from "./elements.js";
import { hasWindow, kindOf } from "./facts.js";
import { hasSkip, itemsOf, laidOut, openAtFirst } from "./folding.js";
import { arrowKeys, contextOf } from "./numbers.js";
import { lookAt, on, outstanding, state } from "./state.js";
import { cornerOf, paintTiles, tileAt, tilesOf, tilingOf } from "./tiles.js";
import { cellOfPlace } from "../engine/axes.js";
import { explainValue } from "../engine/contributions.js";
import { phrase } from "../texts/texts.js";

const MOST_READS = 80; // lines to one map

// Sizes in pixels, along the course of the network and across it. A column of numbers needs less than one of maps.
const WIDE = { label: 34, least: 54, across: 326, between: 22, zone: 16 };
const TALL = { label: 92, least: 36, across: 0, between: 9, zone: 18 };
const NUMBERS = 0.68; // of a row on a phone, which a finger has to meet, at least 24 pixels
const EDGE = 2; // for the frame of the last map

/** @type {(item: Placed) => GraphNode} */
const lastOf = (item) => item.nodes[item.nodes.length - 1];
/** @type {(item: Placed) => Axes} */
const axesOf = (item) => state.tensors.get(lastOf(item).output) ?? { shape: [1, 1] };

/**
 * Where everything lies in a strip that is `width` wide.
 * @type {(items: Placed[], width: number) => Drawing & { size: number[] }}
 */
function drawingOf(items, width) {
  const down = narrow.matches;
  const { label, least, across, between, zone } = down ? TALL : WIDE;
  const skips = items.some((item) => hasSkip(item) || item.inputs.length > 1);
  const aside = skips ? zone : 0;
  const columns = Math.max(...items.map((item) => item.column)) + 1;
  const shares = Array.from({ length: columns }, (_, column) => {
    const tiles = items.filter((item) => item.column === column).map((item) => tilesOf(axesOf(item)));
    return tiles.some(({ rows, columns }) => rows * columns > 1) ? 1 : NUMBERS;
  });
  const all = shares.reduce((sum, share) => sum + share, 0);
  const unit = Math.max(least, (down ? Math.min(400, all * 60) : width - EDGE) / all);
  const full = down ? width : across + label + aside + EDGE;
  const room = full - label - aside - EDGE;
  const boxes = items.map((item) => {
    const lanes = items.filter((one) => one.column === item.column).sort((a, b) => a.lane - b.lane);
    const size = room / lanes.length - (lanes.length > 1 ? 6 : 0);
    const along = shares.slice(0, item.column).reduce((sum, share) => sum + share * unit, between / 2);
    const aside2 = (lanes.indexOf(item) * room) / lanes.length;
    const length = shares[item.column] * unit - between;
    const box = down
      ? { x: label + aside2, y: along, width: size, height: length }
      : { x: along, y: aside + label + aside2, width: length, height: size };
    const tensor = state.tensors.get(lastOf(item).output);
    return { ...box, tiling: tensor ? tilingOf(tensor, box.width, box.height) : null };
  });
  const long = Math.floor(all * unit) + EDGE;
  return { items, boxes, down, zone: down ? width - 9 : 5, size: down ? [width, long] : [Math.max(width, long), full] };
}

/**
 * What a map, or a number, was computed from: the maps that its value reads, the strongest first.
 * @type {(items: Placed[], item: Placed, tile: number, at: number) => Read[]}
 */
function readsOf(items, item, tile, at) {
  const told = explainValue(state.graph, lastOf(item), state.tensors, at);
  /** @type {{ tensor: string, tile: number, weight: number }[]} */
  const found = sourcesOf(told);
  const most = Math.max(...found.map(({ weight }) => Math.abs(weight)), 1e-30);
  return found
    .map((one) => ({
      from: items.findIndex((other) => lastOf(other).output === one.tensor),
      tile: one.tile,
      weight: one.weight / most,
    }))
    .filter(({ from, weight }) => from >= 0 && Math.abs(weight) > 0.01)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, MOST_READS);
}

/**
 * The tile of a result that a place in its data lies in.
 * @type {(tensor: string, at: number) => number}
 */
function tileOf(tensor, at) {
  const found = state.tensors.get(tensor);
  if (found?.shape.length === 4) return cellOfPlace(found, at)[0];
  return found?.shape.length === 2 ? at : 0;
}

/** @type {(told: Explanation) => { tensor: string, tile: number, weight: number }[]} */
function sourcesOf(told) {
  const { tensor } = told;
  if (told.kind === "sum") {
    /** @type {Cells[]} */
    const groups = told.groups;
    if (groups.length === 1 && groups[0].rows === 1 && groups[0].columns > 12)
      return groups[0].cells.map((cell) => ({ tensor, tile: tileOf(tensor, cell.from ?? 0), weight: cell.product ?? 0 }));
    return groups.map((group) => ({
      tensor,
      tile: group.channel,
      weight: group.cells.reduce((sum, cell) => sum + (cell.product ?? 0), 0),
    }));
  }
  if (told.groups) return told.groups.map((/** @type {Cells} */ group) => ({ tensor, tile: group.channel, weight: told.value }));
  if (told.kind === "softmax")
    return told.parts.map((/** @type {any} */ part) => ({ tensor, tile: tileOf(tensor, part.from), weight: part.share }));
  if (told.kind === "pair")
    return told.parts
      .filter((/** @type {any} */ part) => !part.constant)
      .map((/** @type {any} */ part) => ({ tensor: part.tensor, tile: tileOf(part.tensor, part.from), weight: part.value }));
  if (told.from === undefined || tensor === null) return [];
  return [{ tensor, tile: tileOf(tensor, told.from), weight: told.value || 1e-30 }];
}

/** @type {(play: () => void) => HTMLElement} */
export function buildNetwork(play) {
  let first = openAtFirst();
  let open = new Set(first);
  /** @type {Drawing & { size: number[] }} */
  let drawing = { items: [], boxes: [], down: false, zone: 0, size: [0, 0] };
  const lines = h("canvas", { class: "lines", "aria-hidden": "true" });
  const lit = h("canvas", { class: "lines", "aria-hidden": "true" });
  const cards = h("div", { role: "group", "aria-label": phrase("network.layers-from-the-picture") });
  const strip = h("div", { class: "strip" }, lines, cards, lit);
  const scroll = h(
    "div",
    {
      class: "scroll strip-scroll",
      tabindex: 0,
      role: "region",
      "aria-label": phrase("network.drawing-of-the-network"),
    },
    strip,
  );
  const folds = h("span", {});
  const said = h("p", { class: "note map-said", role: "status" });
  /** @type {Map<Element, number>} */
  const places = new Map(); // of the buttons
  /** @type {Set<number>} */
  const stale = new Set(); // columns whose maps are not those of the picture
  const near = new IntersectionObserver(
    (seen) => seen.filter((one) => one.isIntersecting).forEach((one) => paintColumn(places.get(one.target) ?? -1)),
    { rootMargin: "300px" },
  );

  /** @type {(index: number) => void} */
  function paintColumn(index) {
    const item = drawing.items[index];
    const { tiling, width, height } = drawing.boxes[index] ?? {};
    const tensor = item && state.tensors.get(lastOf(item).output);
    if (!stale.delete(index) || !tensor || !tiling) return;
    const canvas = cards.children[index].querySelector("canvas");
    if (canvas) paintTiles(canvas, tensor, tiling, width, height);
  }

  /** The maps of another picture: those in sight at once. */
  function repaint() {
    drawing.items.forEach((_, index) => stale.add(index));
    for (const [card] of places) {
      near.unobserve(card);
      near.observe(card);
    }
    mark();
  }

  /** Everything anew: for other columns, another width, another order. */
  function draw() {
    drawing = drawingOf(laidOut(itemsOf(open)), scroll.clientWidth);
    const { items, size } = drawing;
    near.disconnect();
    places.clear();
    set(strip, { style: { width: `${size[0]}px`, height: `${size[1]}px` } });
    const made = items.map((item, index) => card(item, index));
    made.forEach((one, index) => {
      one.tabIndex = index ? -1 : 0;
      places.set(one, index);
    });
    cards.replaceChildren(...made);
    folds.replaceChildren(
      ...([...open].join() === [...first].join() ? [] : [button(phrase("network.fold-again"), foldAgain)]),
    );
    const pen = penFor(lines);
    const style = getComputedStyle(strip);
    drawEdges(pen, drawing, { line: style.getPropertyValue("--line"), skip: style.getPropertyValue("--soft") });
    repaint();
  }

  function foldAgain() {
    open = new Set(first);
    draw();
    cards.querySelector("button")?.focus();
  }

  /** @type {(canvas: HTMLCanvasElement) => CanvasRenderingContext2D} */
  function penFor(canvas) {
    const ratio = Math.min(2, devicePixelRatio || 1);
    const [width, height] = drawing.size;
    const pixels = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width === pixels[0] && canvas.height === pixels[1]) {
      const pen = contextOf(canvas);
      pen.clearRect(0, 0, width, height);
      return pen;
    }
    Object.assign(canvas, { width: pixels[0], height: pixels[1] });
    set(canvas, { style: { width: `${width}px`, height: `${height}px` } });
    const pen = contextOf(canvas);
    pen.scale(ratio, ratio);
    return pen;
  }

  /** @type {(item: Placed, index: number) => HTMLButtonElement} */
  function card(item, index) {
    const { x, y, width, height } = drawing.boxes[index];
    const { down } = drawing;
    const axes = axesOf(item);
    const kind = item.folded ? phrase("network.layers", { count: item.nodes.length }) : kindOf(lastOf(item));
    const { count, rows, columns } = tilesOf(axes);
    const sizes = axes.shape.length === 4 ? [count, rows, columns] : axes.shape.slice(1);
    const pad = (down ? TALL : WIDE).between / 2 - 3;
    const box = down
      ? { left: 0, top: y - pad, width: x + width, height: height + 2 * pad }
      : { left: x - pad, top: y - WIDE.label, width: width + 2 * pad, height: height + WIDE.label };
    const canvas = h("canvas", {
      "aria-hidden": "true",
      style: { left: `${x - box.left}px`, top: `${y - box.top}px`, width: `${width}px`, height: `${height}px` },
    });
    return h(
      "button",
      {
        type: "button",
        class: `card${item.folded ? " folded" : ""}${(down ? height < 27 : width < 28) ? " thin" : ""}`,
        style: Object.fromEntries(Object.entries(box).map(([name, value]) => [name, `${value}px`])),
        id: item.folded ? null : `card-${lastOf(item).name}`,
        title: `${item.name}: ${kind}, ${by(sizes)}`,
        "aria-expanded": item.folded ? "false" : null,
        onclick: (/** @type {MouseEvent} */ event) => choose(index, event),
      },
      h(
        "span",
        { class: "card-words" },
        h("span", { class: "card-name" }, item.folded ? "+ " : "", nameFor(item, drawing.items)),
        h("span", { class: "card-kind" }, item.folded ? kind : sizeFor(sizes, !down && width < 34)),
      ),
      canvas,
    );
  }

  /**
   * A click opens a folded column, or chooses the map it meets and plays how that is made.
   * @type {(index: number, event: MouseEvent) => void}
   */
  function choose(index, event) {
    const item = drawing.items[index];
    const node = lastOf(item);
    const tile = tileUnder(index, event) ?? (state.node === node ? state.channel : 0);
    if (item.key) {
      open.add(item.key);
      draw();
      /** @type {HTMLElement | null} */ (cards.querySelector(`#card-${CSS.escape(node.name)}`) ?? cards.children[index])?.focus();
      return;
    }
    pick(node, tile);
    play();
  }

  /** @type {(node: GraphNode, tile: number) => void} */
  function pick(node, tile) {
    lookAt(node, tile);
    const told = state.tensors.get(node.output);
    if (!told) return;
    const { count } = tilesOf(told);
    said.textContent = phrase(told.shape.length === 4 ? "network.map-of" : "network.number-of", {
      name: node.name,
      tile,
      all: count,
    }); // its value is spoken by the section on values
  }

  /**
   * The map under the mouse; null for the keyboard.
   * @type {(index: number, event: MouseEvent) => number | null}
   */
  function tileUnder(index, event) {
    const { tiling } = drawing.boxes[index];
    const canvas = cards.children[index].querySelector("canvas");
    if (!tiling || !canvas || !event.detail) return null;
    const box = canvas.getBoundingClientRect();
    return tileAt(tiling, event.clientX - box.left, event.clientY - box.top);
  }

  /**
   * Show what a map reads, and frame it.
   * @type {(index: number, tile: number, at: number) => void}
   */
  function light(index, tile, at) {
    const pen = penFor(lit);
    const item = drawing.items[index];
    const { x, y, tiling } = drawing.boxes[index] ?? {};
    if (!item || !tiling || at < 0 || !state.tensors.has(lastOf(item).output)) return;
    const style = getComputedStyle(strip);
    const colours = { below: style.getPropertyValue("--below"), above: style.getPropertyValue("--above") };
    const reads = item.folded
      ? item.inputs.map((from) => ({ from, tile: 0, weight: 1 }))
      : readsOf(drawing.items, item, tile, at);
    if (!item.folded) drawReads(pen, drawing, index, tile, reads, colours);
    pen.strokeStyle = style.getPropertyValue("--accent");
    pen.lineWidth = 2;
    const [left, top] = cornerOf(tiling, tile);
    pen.strokeRect(x + left - 1.5, y + top - 1.5, tiling.width + 3, tiling.height + 3);
  }

  /** The chosen map, where its layer is not folded. */
  function mark() {
    const index = drawing.items.findIndex((item) => state.node && item.nodes.includes(state.node));
    [...cards.children].forEach((one, place) => one.setAttribute("aria-current", String(place === index)));
    const item = drawing.items[index];
    const chosen = item && lastOf(item) === state.node;
    light(index, chosen ? state.channel : 0, chosen ? state.at : -1);
  }

  arrowKeys(cards, () => [...cards.querySelectorAll("button")], 1e9);
  cards.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const index = places.get(/** @type {Element} */ (document.activeElement)) ?? -1;
    const item = drawing.items[index];
    if (!step || !item || item.folded) return;
    event.preventDefault();
    const node = lastOf(item);
    const { count } = tilesOf(axesOf(item));
    const from = state.node === node ? state.channel : -step;
    pick(node, Math.max(0, Math.min(count - 1, from + step)));
  });
  cards.addEventListener("pointermove", (event) => {
    const index = places.get(/** @type {Element} */ (event.target).closest?.("button") ?? strip);
    const tile = index === undefined ? null : tileUnder(index, /** @type {any} */ ({ detail: 1, clientX: event.clientX, clientY: event.clientY }));
    if (index === undefined || tile === null || event.pointerType === "touch") return;
    const node = lastOf(drawing.items[index]);
    const tensor = state.tensors.get(node.output);
    if (!tensor) return;
    const own = state.node === node && state.channel === tile;
    light(index, tile, own ? state.at : tensor.shape.length > 2 ? outstanding(tensor, tile) : tile);
  });
  cards.addEventListener("pointerleave", mark);
  let width = 0;
  new ResizeObserver(() => {
    if (scroll.clientWidth === width || !state.picture) return;
    width = scroll.clientWidth;
    draw();
  }).observe(scroll);
  /** Whether the columns are those of the results that there are: an unknown operator has none for one's own picture. */
  const fits = () =>
    drawing.items.length > 0 &&
    drawing.items.every((item, index) => state.tensors.has(lastOf(item).output) === Boolean(drawing.boxes[index].tiling));
  on("run", () => (fits() ? repaint() : draw()));
  on("value", mark);
  darkMode.addEventListener("change", draw);
  narrow.addEventListener("change", () => {
    first = openAtFirst();
    open = new Set(first);
    draw();
  });
  return h(
    "section",
    { id: "network" },
    h(
      "div",
      { class: "network-head" },
      h("h2", {}, phrase("network.the-network")),
      h("p", { class: "note" }, phrase("network.choose-a-map"), " ", folds),
      said,
    ),
    scroll,
  );
}

/**
 * A name for a narrow column: of an activation only what it does, of a block its place in the stage, of a layer its place
 * in the block.
 * @type {(item: Placed, items: Placed[]) => string}
 */
function nameFor(item, items) {
  if (!item.inputs.length && !hasWindow(lastOf(item))) return phrase("network.input");
  const [stage = "", block = ""] = state.facts.places[lastOf(item).name] ?? [];
  const before = item.inputs.map((from) => items[from].name);
  const known = [...before, ...(item.folded ? [stage] : [block, stage])].find((name) => item.name.startsWith(`${name}_`));
  if (known) return item.name.slice(known.length + 1);
  if (lastOf(item).op === "Softmax") return phrase("network.softmax");
  return item.name;
}

/**
 * "16×32×32", and in a narrow column "16×32²".
 * @type {(sizes: number[], slim: boolean) => string}
 */
function sizeFor(sizes, slim) {
  const [first, rows, columns] = sizes;
  return slim && columns > 1 && rows === columns ? `${first}×${rows}²` : sizes.join("×");
}
