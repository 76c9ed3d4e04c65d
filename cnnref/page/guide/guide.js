// The guide: a list of contents and the chapters, which are built one after the other in short pieces of
// work, so that a search in the page finds all of their words.
/** @import { Context } from "./parts.js" */

import { chapterDropout, chapterGlobal, chapterNormalization, chapterSkip } from "./blocks.js";
import { chapterActivations, chapterSoftmax } from "./curves.js";
import { chapterDense } from "./dense.js";
import { chapterDepth, chapterExample } from "./example.js";
import { chapterField, chapterPointwise } from "./field.js";
import { chapterKernel } from "./kernels.js";
import { chapterBackpropagation, chapterDescent, chapterLoss } from "./learning.js";
import { toChapter } from "./parts.js";
import { chapterPath } from "./path.js";
import { chapterPixels } from "./pixels.js";
import { chapterFlatten, chapterPooling } from "./pooling.js";
import { chapterSize } from "./size.js";
import { chapterDilation, chapterPadding, chapterStride } from "./sliding.js";
import { h } from "../view/elements.js";

/** @type {[string, string, (context: Context) => HTMLElement][]} */
const CHAPTERS = [
  ["guide-pixels", "Pixels and channels", chapterPixels],
  ["guide-kernel", "A kernel", chapterKernel],
  ["guide-example", "By hand", chapterExample],
  ["guide-depth", "Depth", chapterDepth],
  ["guide-stride", "Stride", chapterStride],
  ["guide-padding", "Padding", chapterPadding],
  ["guide-dilation", "Dilation", chapterDilation],
  ["guide-size", "The size of the answer", chapterSize],
  ["guide-field", "The receptive field", chapterField],
  ["guide-pointwise", "1 × 1 and depthwise", chapterPointwise],
  ["guide-pooling", "Pooling", chapterPooling],
  ["guide-global", "Global pooling", chapterGlobal],
  ["guide-flatten", "Flattening", chapterFlatten],
  ["guide-dense", "Dense layers", chapterDense],
  ["guide-activations", "Activations", chapterActivations],
  ["guide-batchnorm", "Batch normalization", chapterNormalization],
  ["guide-skip", "Skip connections", chapterSkip],
  ["guide-dropout", "Dropout", chapterDropout],
  ["guide-softmax", "Softmax", chapterSoftmax],
  ["guide-loss", "The loss", chapterLoss],
  ["guide-descent", "Gradient descent", chapterDescent],
  ["guide-backprop", "Backpropagation", chapterBackpropagation],
  ["guide-network", "Your network", chapterPath],
];

/**
 * The guide. context is
 *   picture    { values: Uint8Array [rows * columns * channels], rows, columns, channels }, the reader's picture
 *   onPicture  (listener): the listener is called whenever the picture has changed
 *   network    { layers: [{ name, kind, text }] }, the layers of the network above
 * Its `build` builds a chapter and those before it, so that nothing moves it once it is reached.
 * @param {Context} context
 * @returns {HTMLElement & { build: (id: string) => boolean }}
 */
export function buildGuide(context) {
  const waiting = new Map(); // id of a chapter that is not yet built -> { place, title, make }
  /** @type {(id: string) => void} */
  function build(id) {
    const { place, title, make } = waiting.get(id) ?? {};
    if (!place) return;
    waiting.delete(id);
    const chapter = make(context);
    chapter.querySelector("h3")?.replaceChildren(title);
    place.replaceWith(chapter);
  }

  /** @type {(id: string) => boolean} */
  function buildUntil(id) {
    const last = CHAPTERS.findIndex(([one]) => one === id);
    CHAPTERS.slice(0, last + 1).forEach(([one]) => build(one));
    return last >= 0;
  }

  const chapters = CHAPTERS.map(([id, title, make]) => {
    const place = h("section", { id, class: "chapter waiting" }, h("h3", {}, title));
    waiting.set(id, { place, title, make });
    return place;
  });
  const toHash = () =>
    buildUntil(location.hash.slice(1)) && document.getElementById(location.hash.slice(1))?.scrollIntoView();
  document.addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest?.("a[href^='#guide-']");
    if (link) buildUntil(link.getAttribute("href")?.slice(1) ?? "");
  });
  addEventListener("hashchange", toHash);
  addEventListener("beforeprint", () => buildUntil(CHAPTERS[CHAPTERS.length - 1][0]));
  requestAnimationFrame(toHash); // by then the page has the guide in it
  const buildNext = () => {
    const [next] = waiting.keys();
    build(next);
    if (waiting.size) setTimeout(buildNext, 20); // the page can answer between two chapters
  };
  setTimeout(buildNext, 20);

  const element = h(
    "section",
    { id: "guide", class: "guide" },
    h("h2", {}, "The guide"),
    h(
      "p",
      {},
      `How a convolutional network computes and learns, in ${CHAPTERS.length} short chapters, `,
      "each with one thing to try. ",
      "Numbers longer than five digits are rounded where they are written out, never where they are computed.",
    ),
    h(
      "nav",
      { "aria-label": "Chapters of the guide" },
      h(
        "ol",
        { class: "contents" },
        CHAPTERS.map(([id, title]) => h("li", {}, toChapter(id, title))),
      ),
    ),
    chapters,
  );
  return Object.assign(element, { build: buildUntil });
}
