// What test pictures show: the patches that a map likes most, the mistakes, and a plane of what the last layer reads.
/**
 * @import { Picture } from "./state.js"
 * @typedef {object} TestedFacts what tested.py found
 * @property {string} dataset
 * @property {number} tried how many pictures were tried, of `all`
 * @property {number} all
 * @property {number} right
 * @property {[number, number, number][]} confusion true class, decided class, how often
 * @property {number[]} numbers of the pictures that are in the page, in the test set
 * @property {number[]} truth
 * @property {number[]} guess
 * @property {number[]} sure
 * @property {number[]} mistakes places of pictures in the page, the surest first
 * @property {Record<string, string>} patches by layer: for each map the strongest, as (picture, place in the result)
 * @property {number[]} points x and y of each picture; none where there is no plane
 * @property {string} layer whose inputs the plane is of
 * @property {number} share of the variance that the plane holds
 */

import { MORE } from "./address.js";
import { button, choice, darkMode, h, keepingFocus, set, svg, thousands } from "./elements.js";
import { arrowKeys, contextOf, paintPicture } from "./numbers.js";
import { saveButtons } from "./save.js";
import { percent } from "./scores.js";
import { bytesOf, labelOf, lookAtValue, on, showPicture, state } from "./state.js";
import { fieldOf } from "../engine/field.js";
import { placeOf, sizeOf } from "../engine/tensors.js";
import { phrase } from "../texts/texts.js";

const PATCHES_A_MAP = 4;
const MATRIX_UP_TO = 20; // classes; of more, the pairs that are mixed up most
const PAIRS_SHOWN = 20;
const [PLANE_WIDE, PLANE_HIGH, RIM] = [640, 480, 16]; // of the plane

/**
 * The section; null where the page has no test pictures.
 * @type {(bytes: (id: string) => Uint8Array<ArrayBuffer>) => HTMLElement | null}
 */
export function buildTested(bytes) {
  const facts = state.facts.tested;
  if (!facts) return null;
  const pixels = bytes("pictures");
  const size = sizeOf(state.facts.shape);
  /** @type {Map<number, Picture>} */
  const pictures = new Map();
  /** @type {(index: number) => string} */
  const nameOf = (index) => phrase(
    "tested.test-picture",
    { numbers: facts.numbers[index], class: labelOf(facts.truth[index]) },
  );
  /** @type {(index: number) => string} */
  const verdictOf = (index) => {
    const [truth, guess] = [facts.truth[index], facts.guess[index]];
    const key = guess === truth ? "tested.rightly" : "tested.taken-for-sure";
    return phrase(key, { class: labelOf(truth), other: labelOf(guess), percent: percent(facts.sure[index]) });
  };
  /** @type {(index: number) => Picture} */
  function pictureOf(index) {
    const known = pictures.get(index) ?? { values: pixels.slice(index * size, (index + 1) * size), name: nameOf(index), sample: null };
    pictures.set(index, known);
    return known;
  }
  const shownNow = () => [...pictures].find(([, picture]) => picture === state.picture)?.[0] ?? null;
  /** @type {(index: number) => Promise<void>} */
  const show = (index) => showPicture(pictureOf(index));
  MORE.test = {
    now: shownNow,
    most: () => facts.numbers.length,
    go: async (index) => (index === null ? undefined : show(index)),
    picture: true,
  };
  const tools = { facts, pictureOf, verdictOf, show, shownNow };
  const share = percent(facts.right / facts.tried);
  return h(
    "section",
    { id: "tested" },
    h("h2", {}, phrase("tested.on-the-test-set")),
    h(
      "p",
      {},
      phrase(facts.tried < facts.all ? "tested.right-of-first" : "tested.right", {
        percent: share,
        tried: thousands(facts.tried),
        count: facts.all,
        dataset: facts.dataset,
        mistakes: phrase("tested.mistakes-count", { count: facts.tried - facts.right }),
      }),
      " ",
      phrase("tested.in-this-page", { count: facts.numbers.length }),
    ),
    state.facts.learning ? h("p", { class: "note" }, phrase("tested.all-of-this-is")) : null,
    buildPatches(tools),
    buildMistakes(tools),
    facts.points.length ? buildPlane(tools) : null,
  );
}

/** @typedef {{ facts: TestedFacts, pictureOf: (index: number) => Picture, verdictOf: (index: number) => string, show: (index: number) => Promise<void>, shownNow: () => number | null }} Tools */

/**
 * The patches of the test pictures at which the chosen map has its largest values.
 * @type {(tools: Tools) => HTMLElement}
 */
function buildPatches({ facts, pictureOf, verdictOf, show }) {
  const place = h("div", {});
  function draw() {
    const { node, channel } = state;
    const tensor = node && state.tensors.get(node.output);
    keepingFocus(place, () => place.replaceChildren(...(node && tensor ? patchesOf(node, channel) : [])));
  }

  /** @type {(node: import("../engine/onnx.js").GraphNode, channel: number) => HTMLElement[]} */
  function patchesOf(node, channel) {
    const title = h("h3", {}, phrase("tested.what-map-of-likes", { channel, name: node.name }));
    const stored = facts.patches[node.name];
    if (!stored) return [
      h("h3", {}, phrase("tested.what-a-map-likes")),
      h("p", { class: "note" }, phrase("tested.has-no-maps-choose", { name: node.name })),
    ];
    const all = new Uint32Array(bytesOf(stored).buffer);
    const count = Math.min(PATCHES_A_MAP, facts.numbers.length);
    const own = Array.from({ length: count }, (_, at) => [...all.slice(2 * (channel * count + at), 2 * (channel * count + at) + 2)]);
    const tiles = own.map(([picture, at]) => {
      const canvas = h("canvas", { "aria-hidden": "true" });
      paintPatch(canvas, pictureOf(picture), node, at);
      const label = phrase(
        "tested.patch-of-test-picture",
        { numbers: facts.numbers[picture], picture: verdictOf(picture) },
      );
      const open = async () => {
        await show(picture);
        lookAtValue(node.output, at);
      };
      return h("button", { type: "button", class: "tile", "aria-label": label, title: label, onclick: open }, canvas);
    });
    const group = h(
      "div",
      { class: "tiles patches", role: "group", "aria-label": phrase("tested.strongest-patches") },
      tiles,
    );
    arrowKeys(group, () => tiles, 1e9);
    const words = phrase("tested.largest-values", { count: facts.numbers.length });
    return [title, group, h("p", { class: "note" }, words)];
  }
  on("run", draw);
  on("node", draw);
  draw();
  return place;
}

/**
 * Paint the part of a picture that a value sees.
 * @type {(canvas: HTMLCanvasElement, picture: Picture, node: import("../engine/onnx.js").GraphNode, at: number) => void}
 */
function paintPatch(canvas, picture, node, at) {
  const [height, width, channels] = state.facts.shape;
  const shape = state.tensors.get(node.output)?.shape ?? [];
  const place = placeOf(shape, at);
  const box = fieldOf(state.graph, state.tensors, node.output, { rows: [place[2], place[2]], columns: [place[3], place[3]] });
  paintPicture(canvas, picture.values, height, width, channels);
  if (!box) return;
  const [top, bottom] = [Math.max(0, box.rows[0]), Math.min(height - 1, box.rows[1])];
  const [left, right] = [Math.max(0, box.columns[0]), Math.min(width - 1, box.columns[1])];
  const part = contextOf(canvas).getImageData(left, top, right - left + 1, bottom - top + 1);
  Object.assign(canvas, { width: part.width, height: part.height });
  contextOf(canvas).putImageData(part, 0, 0);
}

/**
 * The confusion matrix, and the mistakes; a cell of the matrix chooses which.
 * @type {(tools: Tools) => HTMLElement}
 */
function buildMistakes({ facts, pictureOf, verdictOf, show, shownNow }) {
  /** @type {[number, number] | null} */
  let pair = null;
  const gallery = h("div", {});
  const wrong = facts.confusion.filter(([truth, guess]) => truth !== guess);
  const matrix = h("div", {});

  /** @type {(next: [number, number] | null) => void} */
  function choose(next) {
    pair = next;
    drawMatrix();
    drawGallery();
  }
  /** @type {(truth: number, guess: number) => boolean} */
  const chosen = (truth, guess) => pair?.[0] === truth && pair[1] === guess;

  function drawGallery() {
    const found = facts.mistakes.filter((at) => !pair || chosen(facts.truth[at], facts.guess[at]));
    const every = pair ? (wrong.find(([truth, guess]) => chosen(truth, guess))?.[2] ?? 0) : facts.tried - facts.right;
    const here = shownNow();
    const tiles = found.map((at) => {
      const canvas = h("canvas", { "aria-hidden": "true" });
      paintPicture(canvas, pictureOf(at).values, ...state.facts.shape);
      const words = phrase("tested.as", { class: labelOf(facts.truth[at]), class2: labelOf(facts.guess[at]) });
      const label = phrase(
        "tested.test-picture-sure",
        { words, numbers: facts.numbers[at], percent: percent(facts.sure[at]) },
      );
      return h(
        "button",
        { type: "button", class: "tile", "aria-label": label, title: verdictOf(at), "aria-pressed": String(at === here), onclick: () => show(at) },
        canvas,
        h("span", {}, words),
      );
    });
    const group = h(
      "div",
      { class: "tiles large gallery", role: "group", "aria-label": phrase("tested.mistakes") },
      tiles,
    );
    arrowKeys(group, () => tiles, 1e9);
    const which = pair ? phrase("tested.taken-for", { class: labelOf(pair[0]), class2: labelOf(pair[1]) }) : phrase("tested.mistakes");
    keepingFocus(gallery, () =>
      gallery.replaceChildren(
        h(
          "p",
          { class: "note", role: "status" },
          phrase("tested.shown-here", { which, shown: thousands(found.length), all: thousands(every) }),
        ),
        group,
        ...(pair ? [button(phrase("tested.all-mistakes"), () => choose(null))] : []),
      ),
    );
  }

  function drawMatrix() {
    keepingFocus(matrix, () => matrix.replaceChildren(state.facts.labels.length <= MATRIX_UP_TO ? matrixTable() : pairsTable()));
  }

  function matrixTable() {
    const { labels } = state.facts;
    const counts = new Map(facts.confusion.map(([truth, guess, count]) => [truth * labels.length + guess, count]));
    const most = Math.max(1, ...wrong.map(([, , count]) => count));
    const head = h("tr", {}, h("td", {}), labels.map((label) => h("th", { scope: "col" }, h("span", {}, label))));
    const rows = labels.map((label, truth) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, label),
        labels.map((_, guess) => {
          const count = counts.get(truth * labels.length + guess) ?? 0;
          if (truth === guess || !count) return h("td", { class: truth === guess ? "right" : "" }, count ? String(count) : "");
          const words = phrase("tested.count-taken-for", { count, label, labels: labels[guess] });
          return h(
            "td",
            { style: { "--share": count / most } },
            button(String(count), () => choose(chosen(truth, guess) ? null : [truth, guess]), { "aria-label": words, title: words, "aria-pressed": String(chosen(truth, guess)) }),
          );
        }),
      ),
    );
    return h(
      "div",
      { class: "scroll whole", tabindex: 0, role: "region", "aria-label": phrase("tested.confusion-matrix") },
      h(
        "table",
        { class: "confusion" },
        h("caption", {}, phrase("tested.a-row-for-each")),
        h("thead", {}, head),
        h("tbody", {}, rows),
      ),
    );
  }

  function pairsTable() {
    const most = [...wrong].sort((a, b) => b[2] - a[2]).slice(0, PAIRS_SHOWN);
    const items = most.map(([truth, guess, count]) =>
      h(
        "li",
        {},
        button(
          phrase("tested.taken-for-count", { class: labelOf(truth), class2: labelOf(guess), count }),
          () => choose([truth, guess]),
          { "aria-pressed": String(chosen(truth, guess)) },
        ),
      ),
    );
    return h(
      "div",
      {},
      h("p", { class: "note" }, phrase("tested.the-pairs-of-classes")),
      h("ul", { class: "links" }, items),
    );
  }

  on("run", drawGallery);
  drawMatrix();
  drawGallery();
  return h(
    "div",
    {},
    h("h3", {}, phrase("tested.where-it-fails")),
    h("div", { class: "row" }, h("div", { class: "half" }, matrix), h("div", { class: "half" }, gallery)),
  );
}

/**
 * The plane: a point for each picture, where pictures are near each other of which the last layer reads similar numbers.
 * @type {(tools: Tools) => HTMLElement}
 */
function buildPlane({ facts, pictureOf, verdictOf, show, shownNow }) {
  const { labels } = state.facts;
  /** @type {(value: number, long: number) => number} */
  const along = (value, long) => RIM + ((long - 2 * RIM) * (value + 1)) / 2;
  const spots = facts.numbers.map((_, at) => [along(facts.points[2 * at], PLANE_WIDE), PLANE_HIGH - along(facts.points[2 * at + 1], PLANE_HIGH)]);
  let looked = 0;
  let only = -1; // the class that is shown; -1 for all
  const marks = spots.map(([x, y], at) => {
    const wrong = facts.truth[at] !== facts.guess[at];
    const form = wrong ? svg("path", { d: `M${x - 5},${y - 5} l10,10 m0,-10 l-10,10`, class: "wrong-mark" }) : svg("circle", { cx: x, cy: y, r: 3.5 });
    if (!wrong) set(form, { style: { "--hue": Math.round((360 * facts.truth[at]) / labels.length) } });
    return form;
  });
  const ring = svg("circle", { class: "ring", r: 9 });
  const names = labels.length <= MATRIX_UP_TO ? labels.map((label, index) => nameAt(label, index)) : [];
  const drawing = svg("svg", { class: "plane", viewBox: `0 0 ${PLANE_WIDE} ${PLANE_HIGH}`, "aria-hidden": "true" }, marks, names, ring);
  const title = phrase("tested.map-of", { count: spots.length });
  const stage = h(
    "div",
    {
      class: "plane-stage",
      tabindex: 0,
      role: "application",
      "aria-roledescription": phrase("tested.map-of-pictures"),
    },
    drawing,
  );
  const canvas = h("canvas", { class: "pixels", "aria-hidden": "true" });
  const said = h("p", {});

  /** @type {(label: string, index: number) => SVGElement | null} */
  function nameAt(label, index) {
    const own = spots.filter((_, at) => facts.truth[at] === index);
    if (!own.length) return null;
    const middle = [0, 1].map((axis) => own.map((spot) => spot[axis]).sort((a, b) => a - b)[own.length >> 1]);
    return svg("text", { x: middle[0], y: middle[1] + 6 }, label);
  }
  /** @type {(at: number) => boolean} */
  const counts = (at) => only < 0 || facts.truth[at] === only;

  /** @type {(at: number) => void} */
  function look(at) {
    looked = at;
    set(ring, { cx: spots[at][0], cy: spots[at][1] });
    const words = phrase("tested.test-picture-verdict", { numbers: facts.numbers[at], at: verdictOf(at) });
    said.textContent = words;
    stage.setAttribute("aria-label", phrase("tested.arrow-keys-go-from", { title, words }));
    paintPicture(canvas, pictureOf(at).values, ...state.facts.shape);
  }

  /** @type {(event: MouseEvent) => number} */
  function nearest(event) {
    const box = drawing.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * PLANE_WIDE, ((event.clientY - box.top) / box.height) * PLANE_HIGH];
    return best((at) => Math.hypot(spots[at][0] - x, spots[at][1] - y));
  }
  /** @type {(distance: (at: number) => number) => number} */
  function best(distance) {
    let [found, least] = [looked, Infinity];
    spots.forEach((_, at) => {
      const far = counts(at) ? distance(at) : Infinity;
      if (far < least) [found, least] = [at, far];
    });
    return found;
  }
  stage.onpointermove = (event) => event.pointerType === "mouse" && look(nearest(event));
  stage.onclick = (event) => {
    look(nearest(event));
    show(looked);
  };
  stage.onkeydown = (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (!way) return void show(looked);
    const [x, y] = spots[looked];
    // The nearest point that lies more in the direction of the arrow than beside it.
    look(
      best((at) => {
        const [dx, dy] = [spots[at][0] - x, spots[at][1] - y];
        const [ahead, beside] = [dx * way[0] + dy * way[1], Math.abs(dx * way[1]) + Math.abs(dy * way[0])];
        return at !== looked && ahead > 0 && beside <= ahead ? Math.hypot(dx, dy) : Infinity;
      }),
    );
  };
  const pick = choice({
    label: phrase("tested.show"),
    options: [["-1", phrase("tested.all-classes")], ...labels.map((label, index) => [String(index), label])],
    value: "-1",
    onChange: (value) => {
      only = Number(value);
      marks.forEach((mark, at) => mark.classList.toggle("aside", !counts(at)));
      if (!counts(looked)) look(best(() => 0));
    },
  });
  const go = button(phrase("tested.show-this-picture"), () => show(looked));
  on("run", () => {
    const at = shownNow();
    if (at !== null && at !== looked) look(at);
  });
  darkMode.addEventListener("change", () => look(looked));
  look(0);
  return h(
    "div",
    {},
    h("h3", {}, phrase("tested.a-map-of-the")),
    h(
      "p",
      {},
      phrase("tested.point-for-each", { layer: facts.layer, percent: percent(facts.share) }),
    ),
    h("div", { class: "controls" }, pick),
    h("div", { class: "row" }, h("figure", { class: "plane-figure" }, stage, saveButtons(title, () => drawing)), h("div", { class: "looked" }, h("figure", { class: "heat" }, canvas), said, go)),
  );
}
