// How one map is made, as it happens: windows slide over the maps that are read, and what they find becomes one value.
/**
 * @import { Making, Plane } from "./making.js"
 * @import { GraphNode } from "../engine/onnx.js"
 * @typedef {object} Stage a painted plane that is uncovered value by value, with a frame on it
 * @property {HTMLElement} element
 * @property {(count: number) => void} uncover
 * @property {(row: number, column: number, rows: number, columns: number) => void} frame
 */

import { button, darkMode, h, keepingFocus, magnitude, narrow, set, short, stillMode, svg } from "./elements.js";
import { kindOf } from "./facts.js";
import { makingOf } from "./making.js";
import { contextOf, paint, pickable } from "./numbers.js";
import { lookAtValue, on, state } from "./state.js";
import { cellOfPlace, placeOfCell } from "../engine/axes.js";
import { explainValue } from "../engine/contributions.js";
import { windowStart } from "../engine/windows.js";
import { phrase } from "../texts/texts.js";

const PART = 76; // pixels that a channel needs at least
const MOST_PARTS = 12;

/** @type {(plane: Plane, name: string) => Stage} */
function stageOf({ values, rows, columns, limit }, name) {
  const whole = h("canvas");
  paint(whole, values, rows, columns, { limit });
  const canvas = h("canvas", { role: "img", "aria-label": name });
  Object.assign(canvas, { width: columns, height: rows });
  const pen = contextOf(canvas);
  pen.drawImage(whole, 0, 0);
  const frame = h("div", { class: "slid" });
  const element = h("div", { class: "stage", style: { "--rows": rows, "--columns": columns } }, canvas, frame);
  return {
    element,
    uncover(count) {
      const line = Math.floor(count / columns);
      const rest = count % columns;
      pen.clearRect(0, 0, columns, rows);
      if (line) pen.drawImage(whole, 0, 0, columns, line, 0, 0, columns, line);
      if (rest) pen.drawImage(whole, 0, line, rest, 1, 0, line, rest, 1);
    },
    frame(row, column, high, wide) {
      /** @type {(value: number, size: number) => string} */
      const share = (value, size) => `${(100 * value) / size}%`;
      set(frame, {
        style: {
          left: share(column, columns),
          top: share(row, rows),
          width: share(wide, columns),
          height: share(high, rows),
        },
      });
    },
  };
}

/** The part of the page, and a function that plays what it shows. */
export function buildPlay() {
  const title = h("h3", {});
  const go = button(phrase("play.play"), () => (running ? stop() : play()));
  const body = h("div", {});
  const told = h("p", { class: "equation" });
  const element = h("div", { id: "play" }, h("div", { class: "controls" }, title, go), body, told);
  /** @type {Making | null} */
  let making = null;
  /** @type {{ inputs: Stage[], partials: Stage[], sums: Stage[], numbers: HTMLElement[], flows: SVGElement[] }} */
  let shown = { inputs: [], partials: [], sums: [], numbers: [], flows: [] };
  let running = 0;
  let most = MOST_PARTS;
  new ResizeObserver(([{ contentRect }]) => {
    const room = contentRect.width - (narrow.matches ? 0 : 72); // where the names of the rows stand
    const fits = Math.max(4, Math.min(MOST_PARTS, Math.floor(room / PART)));
    if (fits === most || !contentRect.width) return;
    most = fits;
    draw();
  }).observe(element);

  function draw() {
    stop();
    const { node, channel } = state;
    making = node && makingOf(node, channel, most);
    element.hidden = !making;
    if (!node || !making) return;
    const key = making.result.values.length > 1 ? "play.how-a-map" : "play.how-a-number";
    title.textContent = phrase(key, { channel, name: node.name });
    go.hidden = stillMode.matches || making.reads === "moved" || making.result.values.length === 1;
    const parts = partsOf(making);
    keepingFocus(body, () => body.replaceChildren(...parts));
    showPlace(chosenCell());
  }

  /** @type {(now: Making) => HTMLElement[]} */
  function partsOf({ parts, rest, result, bias, after }) {
    const partials = parts.map(({ partial }) => partial).filter((one) => one !== null);
    if (rest) partials.push(rest.partial);
    const limit = Math.max(...partials.map(magnitude), 0);
    /** @type {(values: Float32Array, name: string) => Stage} */
    const partial = (values, name) => stageOf({ ...result, values, limit }, name);
    shown = {
      inputs: parts.map(({ name, input }) => stageOf(input, name)),
      partials: partials.map((values, index) => partial(
        values,
        parts[index] ? phrase("play.what-brings", { name: parts[index].name }) : phrase("play.the-others-together"),
      )),
      sums: [stageOf(result, phrase("play.the-result"))],
      numbers: [...partials, 0].map(() => h("data", {})),
      flows: [],
    };
    if (after) shown.sums.push(stageOf(after.plane, phrase("play.after", { kind: kindOf(after.node) })));
    const names = parts.map(({ name }) => h("span", { class: "part-name", title: name }, name.replace(/^.*, /, "")));
    const kernels = parts.map(({ kernel }) => kernel && h(
      "div",
      { class: "kernel" },
      stageOf(kernel, phrase("play.the-kernel")).element,
    ));
    const many = partials.length ? partials.length : parts.length;
    const others = rest ? h("span", { class: "part-name" }, phrase("play.others", { count: rest.count })) : null;
    shown.flows = partials.map((_, index) =>
      svg("path", { d: `M${(100 * (index + 0.5)) / many},0 C${(100 * (index + 0.5)) / many},60 50,40 50,100` }),
    );
    hoverPlaces([...shown.partials, ...shown.sums], (row, column) => [row, column]);
    hoverPlaces(shown.inputs, placeFor);
    choosable(shown.sums[0], result);
    const single = result.values.length === 1;
    return [
      h(
        "div",
        { class: "parts", style: { "--parts": many } },
        ...row(partials.length ? phrase("play.channel") : phrase("play.reads"), [...names, others]),
        ...row("", [...shown.inputs.map((one) => one.element), rest ? h("span", {}, "…") : null]),
        ...(partials.length
          ? row(single ? phrase("play.weights") : phrase("play.kernel"), [...kernels, rest ? h("span", {}, "…") : null])
          : []),
        ...(partials.length && !single ? row(phrase("play.its-share"), shown.partials.map((one) => one.element)) : []),
        ...(partials.length ? row(single ? phrase("play.its-share") : "", shown.numbers.slice(0, -1)) : []),
        h(
          "div",
          { class: "flows" },
          partials.length > 1
            ? svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" }, shown.flows)
            : null,
        ),
        h(
          "div",
          { class: "sum" },
          bias === null ? h("span", { class: "sign" }, "↓") : h("span", { class: "sign" }, phrase("play.bias")),
          h("div", {}, single ? null : shown.sums[0].element, shown.numbers[partials.length]),
          after ? h("div", { class: "after" }, h("span", { class: "sign" }, `→ ${kindOf(after.node)} →`), single ? h("data", {}, short(after.plane.values[0])) : shown.sums[1].element) : null,
        ),
      ),
    ];
  }

  /** @type {(label: string, cells: (Element | null)[]) => HTMLElement[]} */
  const row = (label, cells) => [
    h("div", { class: "part-label" }, label),
    ...cells.filter((cell) => cell !== null).map((cell) => h("div", { class: "part" }, cell)),
  ];

  /**
   * Show what the value at a place is made from.
   * @type {(at: number) => void}
   */
  function showPlace(at) {
    const { node } = state;
    if (!making || !node) return;
    const { columns, values } = making.result;
    const [y, x] = [Math.floor(at / columns), at % columns];
    for (const one of [...shown.partials, ...shown.sums]) one.frame(y, x, 1, 1);
    shown.inputs.forEach((one, index) => {
      const [top, left, high, wide] = readAt(index, y, x, placeOfChosen(node, at));
      one.frame(top, left, high, wide);
    });
    const shares = making.parts.map(({ partial }) => partial?.[at] ?? null).filter((one) => one !== null);
    if (making.rest) shares.push(making.rest.partial[at]);
    const most = Math.max(...shares.map(Math.abs), 1e-30);
    shares.forEach((share, index) => {
      shown.numbers[index].textContent = short(share);
      set(shown.flows[index], { class: share < 0 ? "less" : "more" });
      shown.flows[index].style.strokeWidth = String(0.75 + (4 * Math.abs(share)) / most);
    });
    shown.numbers[shares.length].textContent = short(values[at]);
    told.textContent = sentence(making, y, x, at, shares);
  }

  /**
   * What a value reads of an input: [top, left, rows, columns].
   * @type {(part: number, row: number, column: number, at: number) => number[]}
   */
  function readAt(part, row, column, at) {
    if (!making || !state.node) return [0, 0, 0, 0];
    const { rows, columns } = making.parts[part].input;
    const { window, reads } = making;
    if (reads === "window" && window) {
      const [high, wide] = [0, 1].map((axis) => (window.kernel[axis] - 1) * window.dilation[axis] + 1);
      return [windowStart(window, 0, row), windowStart(window, 1, column), high, wide];
    }
    if (reads === "whole") return [0, 0, rows, columns];
    if (reads === "cell") return [rows === 1 ? 0 : row, columns === 1 ? 0 : column, 1, 1];
    const { tensor, from } = explainValue(state.graph, state.node, state.tensors, at);
    const source = tensor ? state.tensors.get(tensor) : undefined;
    const cell = source ? cellOfPlace(source, from)[1] : 0;
    return [Math.floor(cell / columns), cell % columns, 1, 1];
  }

  /**
   * The place of the result whose window lies around a place of an input.
   * @type {(row: number, column: number) => number[]}
   */
  function placeFor(row, column) {
    const window = making?.window;
    if (!window) return [row, column];
    return [row, column].map((place, axis) =>
      Math.round((place + window.before[axis] - ((window.kernel[axis] - 1) * window.dilation[axis]) / 2) / window.stride[axis]),
    );
  }

  /** @type {(stages: Stage[], placed: (row: number, column: number) => number[]) => void} */
  function hoverPlaces(stages, placed) {
    for (const { element: one } of stages) {
      /** @type {(event: PointerEvent) => number} */
      const under = (event) => {
        const box = one.getBoundingClientRect();
        const { rows, columns } = making?.result ?? { rows: 1, columns: 1 };
        const own = one.querySelector("canvas") ?? { width: 1, height: 1 };
        const [row, column] = placed(
          Math.floor(((event.clientY - box.top) / box.height) * own.height),
          Math.floor(((event.clientX - box.left) / box.width) * own.width),
        );
        return Math.max(0, Math.min(rows - 1, row)) * columns + Math.max(0, Math.min(columns - 1, column));
      };
      one.onpointermove = (event) => {
        if (running) stop();
        showPlace(under(event));
      };
      one.onpointerdown = (event) => choose(under(event));
      one.onpointerleave = () => running || showPlace(chosenCell());
    }
  }

  /** @type {(at: number) => void} */
  function choose(at) {
    if (making && state.node) lookAtValue(state.node.output, placeOfChosen(state.node, at));
  }

  /**
   * Arrow keys on the result choose a value.
   * @type {(stage: Stage, result: Plane) => void}
   */
  function choosable({ element: one }, { rows, columns }) {
    if (rows * columns === 1) return;
    const figure = /** @type {any} */ ({
      get at() {
        const at = chosenCell();
        return [Math.floor(at / columns), at % columns];
      },
    });
    pickable(one, figure, rows, columns, phrase("play.the-result"), (row, column) => choose(row * columns + column));
    one.onclick = null; // the pointer has chosen already
  }

  function stop() {
    if (!running) return;
    cancelAnimationFrame(running);
    running = 0;
    go.textContent = phrase("play.play");
    for (const one of [...shown.partials, ...shown.sums]) one.uncover(making?.result.values.length ?? 0);
    showPlace(chosenCell());
  }

  /** Let the window slide once over everything; where motion is not wanted, it is all there at once. */
  function play() {
    element.scrollIntoView({ block: "nearest" });
    if (!making || go.hidden) return;
    stop();
    const count = making.result.values.length;
    const seconds = Math.max(3, Math.min(9, count / 60));
    const begun = performance.now();
    go.textContent = phrase("play.stop");
    const step = () => {
      const at = Math.floor(((performance.now() - begun) / (1000 * seconds)) * count);
      if (at >= count) return stop();
      for (const one of [...shown.partials, ...shown.sums]) one.uncover(at + 1);
      showPlace(at);
      running = requestAnimationFrame(step);
    };
    running = requestAnimationFrame(step);
  }

  on("node", draw);
  on("run", draw);
  on("value", () => running || (making && showPlace(chosenCell())));
  for (const mode of [darkMode, narrow, stillMode]) mode.addEventListener("change", draw);
  return { element, play };
}

/** The cell of its map that the chosen value is in. */
function chosenCell() {
  const tensor = state.node && state.tensors.get(state.node.output);
  return tensor?.shape.length === 4 ? cellOfPlace(tensor, state.at)[1] : 0;
}

/**
 * The place of a cell of the chosen map.
 * @type {(node: GraphNode, cell: number) => number}
 */
function placeOfChosen(node, cell) {
  const tensor = state.tensors.get(node.output);
  return tensor?.shape.length === 4 ? placeOfCell(tensor, state.channel, cell) : state.channel;
}

/**
 * In words: what a value is made from.
 * @type {(making: Making, row: number, column: number, at: number, shares: number[]) => string}
 */
function sentence({ parts, rest, result, bias, after, reads }, row, column, at, shares) {
  const { node } = state;
  if (!node) return "";
  const made = madeOf();
  const placed = result.values.length > 1 ? phrase("play.at-place", { row, column, made }) : made;
  if (!after || reads === "moved") return placed;
  return `${placed} ${phrase("play.makes-of-it", { kind: kindOf(after.node), value: short(after.plane.values[at]) })}`;

  function madeOf() {
    const value = short(result.values[at]);
    if (bias !== null) {
      const sum = short(shares.reduce((all, one) => all + one, 0));
      return phrase("play.add-up", { count: parts.length + (rest?.count ?? 0), sum, bias: short(bias), value });
    }
    if (!node || reads === "moved") return phrase("play.only-moved", { value });
    if (reads === "window" || reads === "whole")
      return phrase(node.op.includes("Max") ? "play.largest-is" : "play.mean-is", { value });
    const told = explainValue(state.graph, node, state.tensors, placeOfChosen(node, at));
    if (told.kind === "pair")
      return `${told.parts.map((/** @type {any} */ part) => short(part.value)).join(` ${told.sign} `)} = ${value}.`;
    return phrase("play.makes-of", { kind: kindOf(node), value, input: short(told.input) });
  }
}
