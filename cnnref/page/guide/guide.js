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
import { phrase } from "../texts/texts.js";

/** @type {[string, string, (context: Context) => HTMLElement][]} */
const CHAPTERS = [
  ["guide-pixels", phrase("guide.pixels-and-channels"), chapterPixels],
  ["guide-kernel", phrase("guide.a-kernel"), chapterKernel],
  ["guide-example", phrase("guide.by-hand"), chapterExample],
  ["guide-depth", phrase("guide.depth"), chapterDepth],
  ["guide-stride", phrase("guide.stride"), chapterStride],
  ["guide-padding", phrase("guide.padding"), chapterPadding],
  ["guide-dilation", phrase("guide.dilation"), chapterDilation],
  ["guide-size", phrase("guide.the-size-of-the"), chapterSize],
  ["guide-field", phrase("guide.the-receptive-field"), chapterField],
  ["guide-pointwise", phrase("guide.pointwise-and-depthwise"), chapterPointwise],
  ["guide-pooling", phrase("guide.pooling"), chapterPooling],
  ["guide-global", phrase("guide.global-pooling"), chapterGlobal],
  ["guide-flatten", phrase("guide.flattening"), chapterFlatten],
  ["guide-dense", phrase("guide.dense-layers"), chapterDense],
  ["guide-activations", phrase("guide.activations"), chapterActivations],
  ["guide-batchnorm", phrase("guide.batch-normalization"), chapterNormalization],
  ["guide-skip", phrase("guide.skip-connections"), chapterSkip],
  ["guide-dropout", phrase("guide.dropout"), chapterDropout],
  ["guide-softmax", phrase("guide.softmax"), chapterSoftmax],
  ["guide-loss", phrase("guide.the-loss"), chapterLoss],
  ["guide-descent", phrase("guide.gradient-descent"), chapterDescent],
  ["guide-backprop", phrase("guide.backpropagation"), chapterBackpropagation],
  ["guide-network", phrase("guide.your-network"), chapterPath],
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
    h("h2", {}, phrase("guide.the-guide")),
    h(
      "p",
      {},
      phrase("guide.how-a-network", { count: CHAPTERS.length }),
    ),
    h(
      "nav",
      { "aria-label": phrase("guide.chapters-of-the-guide") },
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
