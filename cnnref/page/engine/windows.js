// Where a window lies: the geometry that convolution and pooling share.
"use strict";

/** floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1 */
function outputSize(size, kernel, stride, before, after, dilation = 1, up = false) {
  const steps = (size + before + after - dilation * (kernel - 1) - 1) / stride;
  return (up ? Math.ceil(steps) : Math.floor(steps)) + 1;
}

/**
 * The window of a Conv or pooling node over an input [1, channels, rows, columns]:
 * { kernel, stride, dilation, before, after, size }, each [vertical, horizontal]; size is the output's.
 */
function windowOf(attributes, shape, kernel = attributes.kernel_shape) {
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

/** The cells that the window at `place` covers along one axis: from `start`, `dilation` apart; outside is padding. */
const windowStart = (window, axis, place) => place * window.stride[axis] - window.before[axis];
