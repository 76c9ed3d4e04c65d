// Assembles the text form of WebAssembly into a module's bytes: only what engine/multiply.js is written in.
// The numbers are those of the WebAssembly core specification, chapter 5 (binary format).
/**
 * @typedef {string | List} Expression a word, or a list in parentheses
 * @typedef {Expression[]} List
 */

/** @type {Record<string, number[]>} */
const INSTRUCTIONS = {
  loop: [0x03, 0x40],
  br_if: [0x0d],
  "local.get": [0x20],
  "local.set": [0x21],
  "i32.load": [0x28],
  "f32.load": [0x2a],
  "f32.store": [0x38],
  "i32.const": [0x41],
  "i32.lt_u": [0x49],
  "i32.add": [0x6a],
  "i32.mul": [0x6c],
  "v128.load": [0xfd, 0x00],
  "v128.load32_splat": [0xfd, 0x09],
  "v128.store": [0xfd, 0x0b],
  "f32x4.add": [0xfd, 0xe4, 0x01],
  "f32x4.mul": [0xfd, 0xe6, 0x01],
};
/** @type {Record<string, number>} */
const TYPES = { i32: 0x7f, v128: 0x7b };
const END = 0x0b;

/**
 * The expressions of a text: words, and lists of expressions in parentheses; `;;` begins a comment.
 * @type {(text: string) => Expression[]}
 */
function expressionsOf(text) {
  const words = text.replace(/;;.*/g, "").match(/[()]|[^\s()]+/g) ?? [];
  /** @type {Expression[][]} */
  const open = [[]];
  for (const word of words) {
    if (word === "(") open.push([]);
    else if (word === ")") {
      const done = /** @type {Expression[]} */ (open.pop());
      if (!open.length) throw new Error("The text has one parenthesis too many.");
      open[open.length - 1].push(done);
    } else open[open.length - 1].push(word);
  }
  if (open.length > 1) throw new Error("A parenthesis of the text is not closed.");
  return open[0];
}

/**
 * A whole number in groups of seven bits, the lowest first.
 * @type {(value: number) => number[]}
 */
const unsigned = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]);
/** @type {(value: number) => number[]} */
const signed = (value) => (value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)]);
/** @type {(items: number[][]) => number[]} */
const list = (items) => [...unsigned(items.length), ...items.flat()];
/** @type {(bytes: number[]) => number[]} */
const sized = (bytes) => [...unsigned(bytes.length), ...bytes];
/** @type {(quoted: Expression) => number[]} */
const name = (quoted) => sized(Array.from(String(quoted).slice(1, -1), (letter) => letter.charCodeAt(0)));
/** @type {(id: number, items: number[][]) => number[]} */
const section = (id, items) => [id, ...sized(list(items))];

/**
 * The bytes of an instruction and of those inside it, which come first.
 * @type {(expression: Expression, locals: string[], labels: string[]) => number[]}
 */
function instruction([op, ...given], locals, labels) {
  const code = INSTRUCTIONS[String(op)];
  if (!code) throw new Error(`The instruction ${op} is not known here.`);
  const words = /** @type {string[]} */ (given.filter((one) => typeof one === "string"));
  const inner = op === "loop" ? [words[0], ...labels] : labels;
  const before = given.filter((one) => typeof one !== "string").flatMap((one) => instruction(one, locals, inner));
  if (op === "loop") return [...code, ...before, END];
  return [...before, ...code, ...immediates(String(op), words, locals, labels)];
}

/** @type {(op: string, words: string[], locals: string[], labels: string[]) => number[]} */
function immediates(op, words, locals, labels) {
  if (op === "i32.const") return signed(Number(words[0]));
  const known = { "local.get": locals, "local.set": locals, br_if: labels }[op];
  if (known) {
    const place = known.indexOf(words[0]);
    if (place < 0) throw new Error(`The name ${words[0]} is not declared.`);
    return unsigned(place);
  }
  if (!/load|store/.test(op)) return [];
  const offset = Number(words[0]?.replace("offset=", "") ?? 0);
  return [0, ...unsigned(offset)]; // an alignment of 2 ** 0 bytes is always true
}

/**
 * The bytes of a module: one imported memory, and functions without results.
 * @type {(text: string) => Uint8Array<ArrayBuffer>}
 */
export function assemble(text) {
  const [[, ...fields]] = /** @type {Expression[][]} */ (expressionsOf(text));
  const named = (/** @type {string} */ head) => /** @type {Expression[][]} */ (fields.filter(([word]) => word === head));
  const [[, from, memory]] = named("import");
  const functions = named("func").map(([, [, title], ...parts]) => {
    const declared = (/** @type {string} */ word) =>
      /** @type {string[][]} */ (parts.filter(([first]) => first === word)).map((part) => part.slice(1));
    const [parameters, locals] = [declared("param"), declared("local")];
    const names = [...parameters, ...locals].map(([local]) => local);
    const body = parts.filter(([word]) => !["param", "local"].includes(String(word)));
    const code = body.flatMap((expression) => instruction(expression, names, []));
    return {
      title,
      type: [0x60, ...list(parameters.map(([, type]) => [TYPES[type]])), 0],
      code: sized([...list(locals.map(([, type]) => [1, TYPES[type]])), ...code, END]),
    };
  });
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, functions.map(({ type }) => type)), // prettier-ignore
    ...section(2, [[...name(from), ...name(memory), 2, 0, 1]]),
    ...section(3, functions.map((_, index) => unsigned(index))), // prettier-ignore
    ...section(7, functions.map(({ title }, index) => [...name(title), 0, ...unsigned(index)])), // prettier-ignore
    ...section(10, functions.map(({ code }) => code)), // prettier-ignore
  ]);
}
