// The arithmetic of the guide's chapters: small functions, each of which computes one thing as one would on paper.

/** @typedef {{ row: number, column: number, value: number }[][]} Cells the cells under a window, row by row */
/** @typedef {{ stride?: number[], padding?: number[], dilation?: number }} Sliding how a window moves */

/**
 * How many places a window of `kernel` cells has on an axis of `n` cells; 0 where it does not fit.
 * @type {(
 *   n: number, kernel: number, sizes?: { stride?: number, before?: number, after?: number, dilation?: number }
 * ) => number}
 */
export function positions(n, kernel, { stride = 1, before = 0, after = 0, dilation = 1 } = {}) {
  const steps = Math.floor((n + before + after - dilation * (kernel - 1) - 1) / stride);
  return Math.max(0, steps + 1);
}

/**
 * The cells that a window [height, width] reads at one place [row, column] of the answer.
 * Rows of { row, column, value }; a cell outside the input (rows of numbers) is padding, and its value is 0.
 * @param {number[][]} input
 * @param {number[]} size
 * @param {number[]} place
 * @param {Sliding} options
 */
export function windowAt(
  input,
  [height, width],
  [row, column],
  { stride = [1, 1], padding = [0, 0, 0, 0], dilation = 1 } = {},
) {
  /** @type {Cells} */
  const cells = [];
  for (let i = 0; i < height; i++) {
    const y = row * stride[0] - padding[0] + i * dilation;
    cells.push([]);
    for (let j = 0; j < width; j++) {
      const x = column * stride[1] - padding[2] + j * dilation;
      cells[i].push({ row: y, column: x, value: input[y]?.[x] ?? 0 });
    }
  }
  return cells;
}

/**
 * The answer's [rows, columns] for an input and a window; padding is [top, bottom, left, right].
 * @param {number[][]} input
 * @param {number[]} size
 * @param {Sliding} options
 */
function answerSize(input, [height, width], { stride = [1, 1], padding = [0, 0, 0, 0], dilation = 1 } = {}) {
  const [top, bottom, left, right] = padding;
  return [
    positions(input.length, height, { stride: stride[0], before: top, after: bottom, dilation }),
    positions(input[0].length, width, { stride: stride[1], before: left, after: right, dilation }),
  ];
}

/**
 * Something computed at every place of the answer.
 * @template T
 * @param {number[]} size [rows, columns]
 * @param {(row: number, column: number) => T} compute
 */
export function everywhere([rows, columns], compute) {
  return Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => compute(row, column)));
}

/**
 * Convolution of one channel: at each place, the sum of the products of window and kernel.
 * @type {(input: number[][], kernel: number[][], options?: Sliding) => number[][]}
 */
export function slide(input, kernel, options = {}) {
  const size = [kernel.length, kernel[0].length];
  return everywhere(answerSize(input, size, options), (row, column) =>
    productSum(windowAt(input, size, [row, column], options), kernel),
  );
}

/**
 * The sum of the products of a window and a kernel of the same size.
 * @type {(cells: Cells, kernel: number[][]) => number}
 */
export function productSum(cells, kernel) {
  let sum = 0;
  cells.forEach((line, i) => line.forEach((cell, j) => (sum += cell.value * kernel[i][j])));
  return sum;
}

/**
 * Convolution of several channels: what each gives with its own slice of the kernel, added up, plus the bias.
 * @type {(channels: number[][][], slices: number[][][], bias: number, options?: Sliding) => number[][]}
 */
export function slideDeep(channels, slices, bias, options = {}) {
  const results = channels.map((channel, index) => slide(channel, slices[index], options));
  const size = [results[0].length, results[0][0]?.length ?? 0];
  return everywhere(size, (row, column) => results.reduce((sum, result) => sum + result[row][column], bias));
}

/** @type {(values: number[]) => number} */
export const greatest = (values) => Math.max(...values);
/** @type {(values: number[]) => number} */
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Pooling of one channel: one number for each window, by `greatest` or `mean`.
 * @type {(input: number[][], size: number[], stride: number[], summary: (values: number[]) => number) => number[][]}
 */
export function pool(input, size, stride, summary) {
  const options = { stride };
  return everywhere(answerSize(input, size, options), (row, column) =>
    summary(
      windowAt(input, size, [row, column], options)
        .flat()
        .map((cell) => cell.value),
    ),
  );
}

/**
 * The entry that a cell becomes when maps are flattened channel by channel, as the ONNX file keeps them.
 * @param {number[]} cell [channel, row, column]
 * @param {number[]} shape [channels, rows, columns]
 */
export const entryInFile = ([channel, row, column], [, rows, columns]) => (channel * rows + row) * columns + column;

/**
 * The entry that the same cell becomes in Keras, where the channels of a pixel stand together.
 * @param {number[]} cell [channel, row, column]
 * @param {number[]} shape [channels, rows, columns]
 */
export const entryInKeras = ([channel, row, column], [channels, , columns]) =>
  (row * columns + column) * channels + channel;

/**
 * A dense layer: each output is the sum of all inputs, each times its weight [inputs][outputs], plus a bias.
 * @type {(inputs: number[], weights: number[][], biases: number[]) => number[]}
 */
export function denseOutputs(inputs, weights, biases) {
  return biases.map((bias, output) => inputs.reduce((sum, input, index) => sum + input * weights[index][output], bias));
}

/**
 * Softmax: exponentials divided by their sum; the largest score is subtracted first, so that none overflows.
 * @type {(scores: number[]) => number[]}
 */
export function softmax(scores) {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / sum);
}

export const LEAK = 0.3; // of leaky ReLU, the default of Keras

/**
 * Activations: the function of a number, and its slope there.
 * @type {Record<string, { of: (x: number) => number, slope: (x: number) => number }>}
 */
export const ACTIVATIONS = {
  relu: { of: (x) => Math.max(0, x), slope: (x) => (x > 0 ? 1 : 0) },
  leaky: { of: (x) => (x < 0 ? LEAK * x : x), slope: (x) => (x > 0 ? 1 : LEAK) },
  sigmoid: {
    of: (x) => 1 / (1 + Math.exp(-x)),
    slope: (x) => ACTIVATIONS.sigmoid.of(x) * (1 - ACTIVATIONS.sigmoid.of(x)),
  },
  tanh: { of: (x) => Math.tanh(x), slope: (x) => 1 - Math.tanh(x) ** 2 },
};

/** @typedef {{ from: number, to: number }} Edge from one layer to a later one, by their places */

/**
 * From which layers each layer takes: `takes` names them; a layer without it takes what the one before it gives.
 * @type {(layers: { name: string, takes?: string[] }[]) => Edge[]}
 */
export function edgesOf(layers) {
  const places = new Map(layers.map(({ name }, index) => [name, index]));
  return layers.flatMap(({ takes }, to) => {
    const from = takes ? takes.map((name) => places.get(name) ?? -1) : [to - 1];
    return [...new Set(from)].filter((one) => one >= 0).map((one) => ({ from: one, to }));
  });
}

/**
 * A lane for each edge, so that no two that run beside each other share one: 0 from a layer to the next.
 * @type {(edges: Edge[]) => (Edge & { lane: number })[]}
 */
export function lanesOf(edges) {
  /** @type {number[]} */
  const ends = []; // where the last edge of each lane beside the path ends
  return [...edges]
    .sort((a, b) => a.from - b.from || a.to - b.to)
    .map(({ from, to }) => {
      if (to === from + 1) return { from, to, lane: 0 };
      let lane = ends.findIndex((end) => end <= from);
      if (lane < 0) lane = ends.length;
      ends[lane] = to;
      return { from, to, lane: lane + 1 };
    });
}

/**
 * How many pixels a number sees after each of some layers, on one axis, and how far apart those of neighbours are.
 * @type {(layers: { kernel: number, stride: number }[]) => { size: number, jump: number }[]}
 */
export function fieldsAfter(layers) {
  let [size, jump] = [1, 1];
  return layers.map(({ kernel, stride }) => {
    size += (kernel - 1) * jump;
    jump *= stride;
    return { size, jump };
  });
}

/**
 * Batch normalization of one channel: { mean, variance, values }.
 * @type {(values: number[], scale: number, offset: number, epsilon: number) =>
 *   { mean: number, variance: number, values: number[] }}
 */
export function normalized(values, scale, offset, epsilon) {
  const middle = mean(values);
  const variance = mean(values.map((value) => (value - middle) ** 2));
  const spread = Math.sqrt(variance + epsilon);
  return { mean: middle, variance, values: values.map((value) => (scale * (value - middle)) / spread + offset) };
}

/**
 * Cross-entropy: minus the logarithm of the share of the right class.
 * @type {(scores: number[], right: number) => number}
 */
export const crossEntropy = (scores, right) => -Math.log(softmax(scores)[right]);

/** @typedef {{ first: number[][], second: number[][] }} Weights [inputs][hidden] and [hidden][classes] */

/**
 * A network of two layers on one input, forwards and backwards: every number of it, and the gradient of each weight.
 * @param {number[]} inputs
 * @param {Weights} weights
 * @param {number} right the class
 */
export function forwardAndBack(inputs, { first, second }, right) {
  const sums = denseOutputs(inputs, first, first[0].map(() => 0));
  const hidden = sums.map(ACTIVATIONS.relu.of);
  const scores = denseOutputs(hidden, second, second[0].map(() => 0));
  const shares = softmax(scores);
  const atScores = shares.map((share, index) => share - (index === right ? 1 : 0));
  const atHidden = second.map((row) => row.reduce((sum, weight, index) => sum + weight * atScores[index], 0));
  const atSums = atHidden.map((slope, index) => slope * ACTIVATIONS.relu.slope(sums[index]));
  /** @type {(values: number[], slopes: number[]) => number[][]} */
  const products = (values, slopes) => values.map((value) => slopes.map((slope) => value * slope));
  const gradients = { first: products(inputs, atSums), second: products(hidden, atScores) };
  return { sums, hidden, scores, shares, loss: crossEntropy(scores, right), atScores, atHidden, atSums, gradients };
}

/**
 * Each weight less its gradient times the learning rate.
 * @type {(weights: number[][], gradients: number[][], rate: number) => number[][]}
 */
export const stepped = (weights, gradients, rate) =>
  weights.map((row, i) => row.map((weight, j) => weight - rate * gradients[i][j]));
