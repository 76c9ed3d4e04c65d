// A picture that is moved, turned, made lighter, blurred and strewn with noise, to see what that does to the answer.
/**
 * @typedef {object} Change what is done to a picture, in this order; zeros change nothing
 * @property {number} right pixels
 * @property {number} down pixels
 * @property {number} turned degrees, clockwise, about the middle
 * @property {number} blur the standard deviation of a Gaussian, in pixels
 * @property {number} brightness added to every value
 * @property {number} noise the standard deviation of what is added at random
 */

/** @type {Change} */
export const UNCHANGED = { right: 0, down: 0, turned: 0, blur: 0, brightness: 0, noise: 0 };

/**
 * The picture after a change: [rows, columns, channels], values 0..255. What comes in from outside is as its edge is.
 * @type {(values: ArrayLike<number>, shape: number[], change: Change) => Uint8Array<ArrayBuffer>}
 */
export function changedPicture(values, shape, change) {
  let found = Float32Array.from(values);
  if (change.right || change.down || change.turned) found = moved(found, shape, change);
  if (change.blur) found = blurred(found, shape, change.blur);
  const random = normals();
  return Uint8Array.from(found, (value) => {
    const strewn = value + change.brightness + (change.noise && change.noise * random());
    return Math.max(0, Math.min(255, Math.round(strewn)));
  });
}

/**
 * Moved and turned: each pixel looks up where it comes from, between four others.
 * @type {(values: Float32Array, shape: number[], change: Change) => Float32Array<ArrayBuffer>}
 */
function moved(values, [rows, columns, channels], { right, down, turned }) {
  const angle = (turned * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [middle, centre] = [(rows - 1) / 2, (columns - 1) / 2];
  const found = new Float32Array(values.length);
  /** @type {(value: number, size: number) => number} */
  const inside = (value, size) => Math.max(0, Math.min(size - 1, value));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [y, x] = [row - middle - down, column - centre - right];
      const from = inside(middle + cos * y - sin * x, rows);
      const at = inside(centre + sin * y + cos * x, columns);
      const [top, left] = [Math.floor(from), Math.floor(at)];
      const [bottom, next] = [Math.min(rows - 1, top + 1), Math.min(columns - 1, left + 1)];
      const [below, after] = [from - top, at - left];
      for (let channel = 0; channel < channels; channel++) {
        /** @type {(r: number, c: number) => number} */
        const value = (r, c) => values[(r * columns + c) * channels + channel];
        const upper = value(top, left) * (1 - after) + value(top, next) * after;
        const lower = value(bottom, left) * (1 - after) + value(bottom, next) * after;
        found[(row * columns + column) * channels + channel] = upper * (1 - below) + lower * below;
      }
    }
  }
  return found;
}

/**
 * Blurred along the rows, then along the columns.
 * @type {(values: Float32Array, shape: number[], deviation: number) => Float32Array<ArrayBuffer>}
 */
function blurred(values, [rows, columns, channels], deviation) {
  const reach = Math.ceil(4 * deviation);
  const bell = Array.from({ length: 2 * reach + 1 }, (_, at) => Math.exp(-0.5 * ((at - reach) / deviation) ** 2));
  const sum = bell.reduce((all, one) => all + one, 0);
  /** @type {(from: Float32Array, size: number, step: number) => Float32Array<ArrayBuffer>} */
  const along = (from, size, step) =>
    Float32Array.from(from, (_, at) => {
      const place = Math.floor(at / step) % size;
      const first = at - place * step;
      let found = 0;
      for (let n = -reach; n <= reach; n++) {
        const near = Math.max(0, Math.min(size - 1, place + n));
        found += (bell[n + reach] / sum) * from[first + near * step];
      }
      return found;
    });
  return along(along(values, rows, columns * channels), columns, channels);
}

/**
 * Numbers of the standard normal distribution, the same ones each time, so that a slider changes their size only
 * (Box and Muller, 1958).
 * @type {() => () => number}
 */
function normals() {
  let seed = 1;
  const uniform = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
