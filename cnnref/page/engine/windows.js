// Where a window lies: the geometry that convolution and pooling share.
/**
 * @typedef {{ kernel: number[], stride: number[], dilation: number[], before: number[], after: number[], size: number[] }} Window
 * each is [vertical, horizontal]; `before` and `after` are the padding, and `size` is that of the output
 * @typedef {{ row: number, column: number, padding: boolean }} Place of a cell under a window
 */

import { phrase } from "../texts/texts.js";

/**
 * floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1
 * @type {(size: number, kernel: number, stride: number, before: number, after: number, dilation?: number, up?: boolean) => number}
 */
function outputSize(size, kernel, stride, before, after, dilation = 1, up = false) {
  const steps = (size + before + after - dilation * (kernel - 1) - 1) / stride;
  return (up ? Math.ceil(steps) : Math.floor(steps)) + 1;
}

/**
 * The window of a Conv or pooling node over an input [1, channels, rows, columns]:
 * { kernel, stride, dilation, before, after, size }, each [vertical, horizontal]; size is the output's.
 * @type {(attributes: import("./tensors.js").Attributes, shape: number[], kernel?: number[]) => Window}
 */
export function windowOf(attributes, shape, kernel = attributes.kernel_shape) {
  if (shape.length !== 4) throw new Error(phrase("engine.window-over-maps"));
  const axes = [0, 1];
  const stride = attributes.strides ?? [1, 1];
  const dilation = attributes.dilations ?? [1, 1];
  const same = (attributes.auto_pad ?? "NOTSET").startsWith("SAME");
  const pads = attributes.pads ?? [0, 0, 0, 0];
  let before = [pads[0], pads[1]];
  let after = [pads[2], pads[3]];
  if (same) {
    const total = axes.map((axis) => {
      const outputs = Math.ceil(shape[2 + axis] / stride[axis]);
      return Math.max(0, (outputs - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 - shape[2 + axis]);
    });
    const less = total.map((count) => Math.floor(count / 2));
    const more = total.map((count, axis) => count - less[axis]);
    [before, after] = attributes.auto_pad === "SAME_UPPER" ? [less, more] : [more, less];
  }
  const size = axes.map((axis) => {
    const up = attributes.ceil_mode === 1;
    const count = outputSize(
      shape[2 + axis],
      kernel[axis],
      stride[axis],
      before[axis],
      after[axis],
      dilation[axis],
      up,
    );
    // A window that would begin in the padding behind the map is left out.
    const beyond = up && (count - 1) * stride[axis] >= shape[2 + axis] + before[axis];
    return beyond ? count - 1 : count;
  });
  return { kernel, stride, dilation, before, after, size };
}

/**
 * The cells that the window at `place` covers along one axis: from `start`, `dilation` apart; outside is padding.
 * @type {(window: Window, axis: number, place: number) => number}
 */
export const windowStart = (window, axis, place) => place * window.stride[axis] - window.before[axis];

/**
 * The cells under a window: { row, column, padding }.
 * @type {(window: Window, row: number, column: number, rows: number, columns: number) => Place[]}
 */
export function windowCells(window, row, column, rows, columns) {
  const cells = [];
  for (let i = 0; i < window.kernel[0]; i++) {
    for (let j = 0; j < window.kernel[1]; j++) {
      const y = windowStart(window, 0, row) + i * window.dilation[0];
      const x = windowStart(window, 1, column) + j * window.dilation[1];
      cells.push({ row: y, column: x, padding: y < 0 || y >= rows || x < 0 || x >= columns });
    }
  }
  return cells;
}

/**
 * How many cells lie on the map or its stated padding; with ceil_mode a window can reach beyond both.
 * @type {(window: Window, row: number, column: number, rows: number, columns: number) => number}
 */
export function paddedCount(window, row, column, rows, columns) {
  const reached = windowCells(window, row, column, rows, columns);
  return reached.filter((cell) => cell.row < rows + window.after[0] && cell.column < columns + window.after[1]).length;
}
