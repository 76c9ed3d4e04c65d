// The words of the page, in its language: whole sentences of a file of texts, with their numbers and names put in.
/**
 * @typedef {keyof typeof TEXTS} Key
 * @typedef {string | number | null | undefined | Node} Value what is put into a sentence; text stays text, never HTML
 */

import TEXTS from "./en.json"; // or the file beside it that the bundler puts in its place

/** The language, as BCP 47 writes it: "en". */
export const LANGUAGE = TEXTS.language;

const plurals = new Intl.PluralRules(LANGUAGE);
const lists = new Intl.ListFormat(LANGUAGE);
const POINT = (0.5).toLocaleString(LANGUAGE).charAt(1);

/**
 * The sentence of a key, in pieces: its words, and in their places the values of the names in braces. Of a sentence
 * with several forms, the value `count` chooses one by the language's rules of plurals; it is written with the
 * language's marks between thousands. All other values are written as they are.
 * @template {Value | Value[]} V
 * @param {Key} key
 * @param {Record<string, V>} [values]
 * @returns {(string | V)[]}
 */
function pieces(key, values = {}) {
  const text = TEXTS[key];
  const { count } = values;
  /** @type {Record<string, string>} */
  const forms = typeof text === "string" ? { other: text } : text;
  const form = typeof count === "number" ? (forms[plurals.select(count)] ?? forms.other) : forms.other;
  return form.split(/\{(\w+)\}/).map((part, index) => {
    if (index % 2 === 0) return part;
    return part === "count" && typeof count === "number" ? count.toLocaleString(LANGUAGE) : values[part];
  });
}

/**
 * A sentence as text.
 * @type {(key: Key, values?: Record<string, string | number | null | undefined>) => string}
 */
export const phrase = (key, values) => pieces(key, values).join("");

/**
 * A sentence as pieces for an element, some of which may be elements themselves.
 * @type {(key: Key, values: Record<string, Value | Value[]>) => (string | number | null | undefined | Node)[]}
 */
export const phrases = (key, values) => pieces(key, values).flat();

/**
 * Names one after the other, as the language joins them: "a, b, and c".
 * @type {(names: string[]) => string}
 */
export const listed = (names) => lists.format(names);

/**
 * A number with a point in it as a percentage, as people write it: in German with a comma. No line ends before its sign.
 * For what is read, not what is copied.
 * @type {(number: string) => string}
 */
export const percentage = (number) => `${number.replace(".", POINT)}\u00a0%`;
