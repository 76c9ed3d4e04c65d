// The reader's picture: a sample, a file that is chosen, dropped or pasted, or a drawing; and what a value sees of it.
/**
 * @import { Pixels } from "../picture/exif.js"
 * @import { Picture } from "./state.js"
 */

import { button, h, narrow, set, tick } from "./elements.js";
import { arrowKeys, contextOf, paintPicture } from "./numbers.js";
import { buildReading } from "./reading.js";
import { buildStatus } from "./scores.js";
import { bytesOf, on, showPicture, state } from "./state.js";
import { cellOfPlace, mapsOf } from "../engine/axes.js";
import { ALL, fieldOf } from "../engine/field.js";
import { messageOf } from "../engine/run.js";
import { decodePicture } from "../picture/read.js";
import { readPixels, stepsOfCentring } from "../picture/resample.js";
import { phrase } from "../texts/texts.js";

const DRAWING = phrase("picture.your-drawing");

export function buildPicture() {
  /** The picture before the drawing. @type {Picture | null} */
  let before = null;
  const [height, width, channels] = state.facts.shape;
  const size = phrase(channels === 1 ? "picture.size-gray" : "picture.size", { width, height });
  const canvas = h("canvas", { class: "pixels", role: "img", "aria-label": phrase("picture.the-picture-as-the") });
  const field = h("div", { class: "field", hidden: true });
  const stage = h("div", { class: "stage", style: { "--rows": height, "--columns": width } }, canvas, field);
  const fieldNote = h("figcaption", {});
  const wrong = h("p", { class: "wrong", role: "alert" });
  const file = h("input", { type: "file", accept: "image/*", class: "hidden", id: "file" });
  const inverted = tick({ label: phrase("picture.dark-on-light-turn"), onChange: turn });

  /** The negative of the picture that is shown, and back. */
  function turn() {
    const { values, name, turned } = state.picture;
    const own = turned === undefined ? negativeOf(name) : { name: turned };
    showPicture({ values: negative(values), sample: null, ...own });
  }

  /** What was read last, which can be read again. @type {{ pixels: Pixels, name: string } | null} */
  let source = null;
  const rule = state.facts.picture;
  const centring = tick({
    label: phrase("picture.find-the-digit-and"),
    value: true,
    onChange: () => source && show(source.pixels, source.name),
  });

  /** @type {(pixels: Pixels, name: string) => void} */
  function show(pixels, name) {
    source = { pixels, name };
    const how = centring.input.checked ? rule : { ...rule, ink_box: null };
    /** @type {[Uint8ClampedArray, number, number, number, number, number, typeof rule]} */
    const given = [pixels.rgba, pixels.width, pixels.height, height, width, channels, how];
    const steps = stepsOfCentring(...given);
    const values = steps ? Uint8Array.from(steps[steps.length - 1].values) : readPixels(...given);
    const turned = inverted.input.checked && !steps; // whether a digit is dark on light is found out
    if (steps) inverted.input.checked = false;
    showPicture({
      values: turned ? negative(values) : values,
      ...(turned ? negativeOf(name) : { name }),
      sample: null,
      steps,
    });
  }

  /** @type {(given: File) => Promise<void>} */
  async function readFile(given) {
    try {
      const pixels = await decodePicture(given);
      wrong.textContent = "";
      show(pixels, given.name || phrase("picture.your-picture"));
    } catch (error) {
      wrong.textContent = messageOf(error);
    }
  }

  file.onchange = () => {
    if (file.files?.[0]) readFile(file.files[0]);
    file.value = ""; // the same file may be chosen again
  };
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer?.files[0]) readFile(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files[0]) readFile(event.clipboardData.files[0]);
  });

  on("run", () => {
    wrong.textContent = "";
    paintPicture(canvas, state.picture.values, height, width, channels);
    for (const one of samples.querySelectorAll("button"))
      one.setAttribute("aria-pressed", String(Number(one.dataset.index) === state.picture.sample));
  });
  on("value", () => showField(field, fieldNote));
  on("run", () => showField(field, fieldNote));

  const samples = h(
    "div",
    { class: "tiles", role: "group", "aria-label": phrase("picture.sample-pictures") },
    state.facts.samples.map((sample, index) =>
      sampleButton(sample, index, () => {
        inverted.input.checked = false;
        source = null;
        showPicture(sampleOf(index));
      }),
    ),
  );
  arrowKeys(samples, () => [...samples.querySelectorAll("button")], 1e9);
  const own = h(
    "details",
    { class: "own", open: !narrow.matches },
    h("summary", {}, channels === 1 ? phrase("picture.draw-or-choose-a") : phrase("picture.take-your-own")),
    channels === 1
      ? buildDrawing((pixels) => {
          inverted.input.checked = false;
          if (pixels) {
            if (state.picture.name !== DRAWING) before = state.picture;
            show(pixels, DRAWING);
          } else if (source?.name === DRAWING) {
            source = null;
            showPicture(before ?? sampleOf(0)); // an empty drawing is no picture
          }
        })
      : null,
    buildReading(),
    h(
      "div",
      { class: "controls" },
      h("label", { class: "file", for: "file" }, phrase("picture.choose-a-file")),
      file,
      inverted,
      rule.ink_box ? centring : null,
    ),
    h(
      "p",
      { class: "note" },
      phrase(rule.ink_box ? "picture.or-drop-a-digit" : "picture.or-drop-one", { size }),
    ),
  );
  return h(
    "section",
    { id: "picture" },
    h("h2", {}, phrase("picture.heading")),
    h("figure", { class: "heat" }, stage, fieldNote),
    h("div", { class: "given" }, buildStatus(), samples, wrong),
    own,
  );
}

/** @type {Map<number, Picture>} */
const samplePictures = new Map();

/**
 * A sample: the same one each time, so that what was found out about it can be kept.
 * @type {(index: number) => Picture}
 */
export function sampleOf(index) {
  const { name, values } = state.facts.samples[index];
  const picture = samplePictures.get(index) ?? { values: bytesOf(values), name, sample: index };
  samplePictures.set(index, picture);
  return picture;
}

/**
 * What a negative is called, and what it was turned from.
 * @type {(name: string) => { name: string, turned: string }}
 */
const negativeOf = (name) => ({ name: phrase("picture.the-negative-of", { name }), turned: name });
/** @type {(pixels: Uint8Array) => Uint8Array<ArrayBuffer>} */
const negative = (pixels) => Uint8Array.from(pixels, (value) => 255 - value);

/** @type {(sample: { name: string, values: string }, index: number, show: () => void) => HTMLButtonElement} */
function sampleButton(sample, index, show) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  paintPicture(canvas, bytesOf(sample.values), ...state.facts.shape);
  return h(
    "button",
    {
      type: "button",
      class: "tile",
      "aria-label": sample.name,
      title: sample.name,
      "data-index": index,
      onclick: show,
    },
    canvas,
  );
}

/**
 * Light up the pixels that the chosen value sees.
 * @type {(field: HTMLElement, note: HTMLElement) => void}
 */
export function showField(field, note) {
  const tensor = state.node && state.tensors.get(state.node.output);
  field.hidden = !tensor;
  note.textContent = "";
  if (!state.node || !tensor) return;
  const [height, width] = state.facts.shape;
  const [, at] = cellOfPlace(tensor, state.at);
  const { columns } = mapsOf(tensor);
  const [row, column] = [Math.floor(at / columns), at % columns];
  const cell = tensor.shape.length === 4 ? { rows: [row, row], columns: [column, column] } : ALL;
  const box = fieldOf(state.graph, state.tensors, state.node.output, cell);
  if (!box) return;
  /** @type {(range: number[], size: number) => number[]} */
  const inside = ([first, last], size) => [Math.max(0, first), Math.min(size - 1, last)];
  const [top, bottom] = inside(box.rows, height);
  const [left, right] = inside(box.columns, width);
  /** @type {(value: number, size: number) => string} */
  const share = (value, size) => `${(100 * value) / size}%`;
  set(field, {
    style: {
      left: share(left, width),
      top: share(top, height),
      width: share(right - left + 1, width),
      height: share(bottom - top + 1, height),
    },
  });
  note.textContent = phrase("picture.value-sees", { name: state.node.name, top, bottom, left, right });
}

/**
 * A canvas to draw on, light on dark as the digits of MNIST are; with the keyboard: arrows move, space draws.
 * `give` gets what is drawn, null when the drawing is cleared.
 * @type {(give: (pixels: Pixels | null) => void) => HTMLElement}
 */
function buildDrawing(give) {
  const side = 280;
  const canvas = h("canvas", {
    width: side,
    height: side,
    class: "drawing",
    tabindex: 0,
    role: "application",
    "aria-label":
      phrase("picture.drawing-hold-the-pointer"),
  });
  const context = contextOf(canvas, { willReadFrequently: true });
  const pen = { x: side / 2, y: side / 2, down: false };
  const read = () => give({ rgba: context.getImageData(0, 0, side, side).data, width: side, height: side });
  function clear() {
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
  }
  /** @type {(x: number, y: number) => void} */
  function move(x, y) {
    if (pen.down) {
      Object.assign(context, { strokeStyle: "#fff", lineWidth: side / 12, lineCap: "round", lineJoin: "round" });
      context.beginPath();
      context.moveTo(pen.x, pen.y);
      context.lineTo(x, y);
      context.stroke();
      read();
    }
    Object.assign(pen, { x, y });
  }
  /** @type {(event: PointerEvent) => [number, number]} */
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side];
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    pen.down = false;
    move(...at(event));
    pen.down = true;
    move(...at(event));
  };
  canvas.onpointermove = (event) => event.buttons && move(...at(event));
  canvas.onpointerup = () => (pen.down = false);
  canvas.onkeydown = (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === " ") {
      pen.down = !pen.down;
      move(pen.x, pen.y);
      where.textContent = pen.down ? phrase("picture.the-pen-is-down") : phrase("picture.the-pen-is-up");
    } else if (step) {
      /** @type {(value: number) => number} */
      const inside = (value) => Math.max(0, Math.min(side, value));
      move(inside(pen.x + (step[0] * side) / 28), inside(pen.y + (step[1] * side) / 28));
      const [left, top] = [pen.x, pen.y].map((value) => Math.round((100 * value) / side));
      where.textContent = phrase(pen.down ? "picture.pen-down-at" : "picture.pen-up-at", { left, top });
    } else return;
    event.preventDefault();
  };
  const where = h("p", { class: "note", "aria-live": "polite" });
  clear();
  return h(
    "div",
    {},
    canvas,
    h(
      "div",
      { class: "controls" },
      button(phrase("picture.clear-the-drawing"), () => {
        clear();
        give(null);
      }),
    ),
    where,
  );
}
