// The guide: a list of contents and the chapters, each of which is built when the reader comes near it.
"use strict";

const CHAPTERS = [
  ["guide-pixels", "Pixels and channels", chapterPixels],
  ["guide-kernel", "A kernel", chapterKernel],
  ["guide-example", "By hand", chapterExample],
  ["guide-depth", "Depth", chapterDepth],
  ["guide-stride", "Stride", chapterStride],
  ["guide-padding", "Padding", chapterPadding],
  ["guide-dilation", "Dilation", chapterDilation],
  ["guide-size", "The size of the answer", chapterSize],
  ["guide-pooling", "Pooling", chapterPooling],
  ["guide-flatten", "Flattening", chapterFlatten],
  ["guide-dense", "Dense layers", chapterDense],
  ["guide-activations", "Activations", chapterActivations],
  ["guide-softmax", "Softmax", chapterSoftmax],
  ["guide-network", "Your network", chapterPath],
];

/** Where a link to a layer of the network leads. */
const layerLink = (name) => `#layer-${encodeURIComponent(name)}`;

/** "In the network above: conv1, conv2 and 3 more.", with links; null where no layer is of these kinds. */
function seenIn(context, kinds) {
  const found = context.network.layers.filter((layer) => kinds.includes(layer.kind));
  if (!found.length) return null;
  const links = found
    .slice(0, 3)
    .map(({ name }, index) => [index ? ", " : "", h("a", { href: layerLink(name) }, name)]);
  return h(
    "p",
    { class: "note" },
    "In the network above: ",
    links.flat(),
    found.length > 3 ? ` and ${found.length - 3} more.` : ".",
  );
}

/**
 * The guide. context is
 *   picture    { values: Uint8Array [rows * columns * channels], rows, columns, channels }, the reader's picture
 *   onPicture  (listener): the listener is called whenever the picture has changed
 *   network    { layers: [{ name, kind, text }] }, the layers of the network above
 */
function buildGuide(context) {
  const waiting = new Map(); // id of a chapter that is not yet built -> [its place, what builds it]
  const near = new IntersectionObserver(
    (seen) => seen.filter((one) => one.isIntersecting).forEach((one) => build(one.target.id)),
    { rootMargin: "800px" },
  );

  function build(id) {
    const [place, make] = waiting.get(id) ?? [];
    if (!place) return;
    waiting.delete(id);
    near.unobserve(place);
    place.replaceWith(make(context));
  }

  /** Build a chapter and those before it, so that nothing moves it once it is reached. */
  function buildUntil(id) {
    const last = CHAPTERS.findIndex(([one]) => one === id);
    CHAPTERS.slice(0, last + 1).forEach(([one]) => build(one));
    return last >= 0;
  }

  const chapters = CHAPTERS.map(([id, title, make]) => {
    const place = h("section", { id, class: "chapter waiting" }, h("h3", {}, title));
    waiting.set(id, [place, make]);
    near.observe(place);
    return place;
  });
  const toHash = () =>
    buildUntil(location.hash.slice(1)) && document.getElementById(location.hash.slice(1)).scrollIntoView();
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#guide-']");
    if (link) buildUntil(link.getAttribute("href").slice(1));
  });
  addEventListener("hashchange", toHash);
  addEventListener("beforeprint", () => buildUntil(CHAPTERS.at(-1)[0]));
  requestAnimationFrame(toHash); // by then the page has the guide in it

  return h(
    "section",
    { id: "guide", class: "guide" },
    h("h2", {}, "The guide"),
    h(
      "p",
      {},
      "How a convolutional network computes, in fourteen short chapters, each with one thing to try. ",
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
}
