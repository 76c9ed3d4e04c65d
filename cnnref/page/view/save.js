// A figure to take along: as SVG, which stays sharp at any size, or as PNG. Made here, and asked of nobody.

import { button, h, svg } from "./elements.js";
import { phrase } from "../texts/texts.js";

const SIDE = 960; // pixels of the longer side
const MOST_CELLS = 20_000; // of a canvas whose cells become rectangles; a larger one is put in as it is
const CAPTION = 28;

/**
 * Two buttons that save what `source` holds: canvases that lie over each other, or a drawing.
 * @type {(name: string, source: () => Element) => HTMLElement}
 */
export function saveButtons(name, source) {
  /** @type {(kind: string, make: (element: Element, name: string) => Promise<Blob> | Blob) => HTMLElement} */
  const save = (kind, make) =>
    button(kind, async () => handOver(await make(source(), name), `${name}.${kind.toLowerCase()}`), {
      "aria-label": phrase("save.save-as", { kind, name }),
    });
  return h("p", { class: "save" }, save("SVG", svgFile), save("PNG", pngFile));
}

/** @type {(content: Blob, name: string) => void} */
function handOver(content, name) {
  const address = URL.createObjectURL(content);
  h("a", { href: address, download: name.replace(/[^\p{L}\p{N}._ -]+/gu, "_").slice(-120) }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** @type {(element: Element, name: string) => Blob} */
const svgFile = (element, name) => new Blob([svgText(element, name)], { type: "image/svg+xml" });

/**
 * The figure as the text of an SVG file, with its name below it.
 * @type {(element: Element, name: string) => string}
 */
export function svgText(element, name) {
  const drawing = element.matches("svg") ? element : element.querySelector("svg");
  const { width, height } = sizeOfFigure(element);
  const ground = getComputedStyle(document.documentElement);
  const style = `font: 16px sans-serif; color: ${ground.color}`;
  const inside = drawing ? [copyOf(drawing, width, height)] : canvasesIn(element).map((one) => rectanglesOf(one, width, height));
  const file = svg(
    "svg",
    { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height + CAPTION}`, width, height: height + CAPTION },
    svg("title", {}, name),
    svg("rect", { width: "100%", height: "100%", fill: ground.backgroundColor }),
    inside,
    svg("text", { x: 4, y: height + 20, fill: ground.color }, name),
  );
  file.setAttribute("style", style);
  return new XMLSerializer().serializeToString(file);
}

/** @type {(element: Element) => HTMLCanvasElement[]} */
const canvasesIn = (element) => [...element.querySelectorAll("canvas")];

/** @type {(element: Element) => { width: number, height: number }} */
function sizeOfFigure(element) {
  const [canvas] = canvasesIn(element);
  const box = (element.matches("svg") ? element : (element.querySelector("svg") ?? element)).getBoundingClientRect();
  const [width, height] = canvas ? [canvas.width, canvas.height] : [box.width, box.height];
  const scale = SIDE / Math.max(width, height, 1);
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

/**
 * The cells of a canvas as rectangles, those of one colour in a row together.
 * @type {(canvas: HTMLCanvasElement, width: number, height: number) => SVGElement}
 */
function rectanglesOf(canvas, width, height) {
  const { width: columns, height: rows } = canvas;
  // A copy, which the browser keeps where it can be read.
  const context = h("canvas", { width: columns, height: rows }).getContext("2d", { willReadFrequently: true });
  context?.drawImage(canvas, 0, 0);
  if (!context || columns * rows > MOST_CELLS) return svg("image", { href: canvas.toDataURL(), width, height });
  const { data } = context.getImageData(0, 0, columns, rows);
  const colours = new Uint32Array(data.buffer);
  const cells = [];
  for (let row = 0; row < rows; row++) {
    for (let first = 0, end = 0; first < columns; first = end) {
      const at = row * columns + first;
      while (end < columns && colours[row * columns + end] === colours[at]) end++;
      const [red, green, blue, alpha] = data.subarray(4 * at, 4 * at + 4);
      const fill = `rgb(${red},${green},${blue})`;
      const opacity = alpha < 255 ? (alpha / 255).toFixed(3) : null;
      cells.push(svg("rect", { x: first, y: row, width: end - first, height: 1, fill, "fill-opacity": opacity }));
    }
  }
  const scale = `scale(${width / columns} ${height / rows})`;
  return svg("g", { transform: scale, "shape-rendering": "crispEdges" }, cells);
}

const LOOKS = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "text-anchor"];

/**
 * A drawing with its looks written into it, for no style sheet goes with the file.
 * @type {(drawing: Element, width: number, height: number) => Element}
 */
function copyOf(drawing, width, height) {
  const copy = /** @type {Element} */ (drawing.cloneNode(true));
  const from = [...drawing.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((one, index) => {
    const style = getComputedStyle(from[index]);
    for (const look of LOOKS) one.setAttribute(look, style.getPropertyValue(look));
  });
  for (const name of ["class", "tabindex", "role", "style"]) copy.removeAttribute(name);
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  return copy;
}

/** @type {(element: Element, name: string) => Promise<Blob>} */
async function pngFile(element, name) {
  const image = new Image();
  const address = URL.createObjectURL(svgFile(element, name));
  image.src = address;
  await image.decode();
  const canvas = h("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  canvas.getContext("2d")?.drawImage(image, 0, 0);
  URL.revokeObjectURL(address);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(phrase("save.the-browser-makes-no"))))),
  );
}
