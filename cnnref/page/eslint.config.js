// What ESLint checks in the page's scripts; scripts/check_javascript.sh runs it.
import js from "@eslint/js";

const BROWSER = [
  "Blob", "CSS", "DecompressionStream", "HTMLButtonElement", "Image", "IntersectionObserver", "ResizeObserver", "TextDecoder", "URL",
  "URLSearchParams", "WebAssembly", "Worker", "XMLSerializer", "addEventListener", "atob", "cancelAnimationFrame", "clearInterval",
  "createImageBitmap", "crypto", "devicePixelRatio", "document", "getComputedStyle", "history", "location",
  "matchMedia", "navigator", "onmessage", "performance", "postMessage", "requestAnimationFrame", "setInterval",
  "setTimeout",
];

export default [
  js.configs.recommended,
  {
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: "module",
      globals: { ...Object.fromEntries(BROWSER.map((name) => [name, "readonly"])), onmessage: "writable" },
    },
    rules: {
      eqeqeq: "error",
      "no-empty": ["error", { allowEmptyCatch: true }],
      "no-control-regex": "off", // the marks of picture files have control characters
      "no-unused-vars": ["error", { args: "after-used" }],
      "no-var": "error",
      "prefer-const": ["error", { destructuring: "all" }],
    },
  },
];
