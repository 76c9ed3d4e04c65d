// Classifies pictures in the browser with the .onnx file of a bundle. Nothing is sent anywhere.
//
//   npm install --prefix vendor onnxruntime-web     beside this file, once
//   cp -r BUNDLE bundle                             or index.html?bundle=URL, and ?model=model.int8.onnx
//   python -m http.server                           any web server will do
//
// A digit for a network of MNIST is centred first, as bundle.json says; ?centre=off takes it as it is, light on dark.

const RUNTIME = "./vendor/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs";

const query = new URLSearchParams(location.search);
const bundle = new URL((query.get("bundle") ?? "bundle").replace(/\/*$/, "/"), location.href);
const model = query.get("model") ?? "model.onnx";

const [canvas, input, status, list] = ["canvas", "input", "[role=status]", "ol"].map((name) =>
  document.querySelector(name),
);

async function fetched(name) {
  const response = await fetch(new URL(name, bundle)).catch(() => null);
  if (!response?.ok) throw new Error(`${name} is not in ${bundle}; put a bundle there, or name its folder: ?bundle=URL.`);
  return response;
}

async function load() {
  const ort = await import(RUNTIME).catch(() => {
    throw new Error("ONNX Runtime Web is not in vendor/; classify.js says in its first lines how it gets there.");
  });
  const { picture: rule } = await (await fetched("bundle.json")).json();
  const labels = (await (await fetched("labels.txt")).text()).trimEnd().split(/\r?\n/);
  const bytes = new Uint8Array(await (await fetched(model)).arrayBuffer());
  const session = await ort.InferenceSession.create(bytes).catch(() => {
    throw new Error(`${model} is not a file that ONNX Runtime Web can run.`);
  });
  const { type, shape } = session.inputMetadata[0];
  const channelsFirst = shape[3] > 3;
  const [height, width, channels] = channelsFirst ? [shape[2], shape[3], shape[1]] : shape.slice(1);
  return { ort, session, labels, rule, type, shape, channelsFirst, height, width, channels };
}

// The middle of the picture, upright, on white, in the size of the input: values 0..255 in the model's order.
async function pixels(file, { rule, type, channelsFirst, height, width, channels }) {
  const picture = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
    throw new Error(`${file.name} is not a picture that this browser can read.`);
  });
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const box = channels === 1 && query.get("centre") !== "off" && rule?.ink_box;
  const digit = box ? centred(grayOf(picture), height, width, box) : null;
  if (digit) {
    const shown = context.createImageData(width, height);
    digit.forEach((value, pixel) => shown.data.set([value, value, value, 255], 4 * pixel));
    context.putImageData(shown, 0, 0);
    return type === "uint8" ? digit : Float32Array.from(digit); // one channel: the same whatever comes first
  }
  // The whole picture's size, of which the canvas shows the middle, and where the middle begins.
  const [sizes, wanted] = [[picture.width, picture.height], [width, height]];
  const side = rule?.shorter_side && Math.max(rule.shorter_side, height, width);
  const scale = side ? side / Math.min(...sizes) : Math.max(width / picture.width, height / picture.height);
  const whole = sizes.map((size) => (side ? Math.floor(size * scale + 1e-9) : size * scale));
  const start = whole.map((size, axis) =>
    side ? Math.round((size - wanted[axis]) / 2) : Math.floor((size - wanted[axis]) / scale / 2) * scale,
  );
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, -start[0], -start[1], whole[0], whole[1]);

  const image = context.getImageData(0, 0, width, height);
  const area = width * height;
  const values = new (type === "uint8" ? Uint8Array : Float32Array)(area * channels);
  for (let pixel = 0; pixel < area; pixel++) {
    const rgb = image.data.subarray(4 * pixel, 4 * pixel + 3);
    if (channels === 1) rgb.fill(Math.round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]));
    for (let channel = 0; channel < channels; channel++) {
      values[channelsFirst ? channel * area + pixel : pixel * channels + channel] = rgb[channel];
    }
  }
  context.putImageData(image, 0, 0); // what the network sees
  return values;
}

// The whole picture on white, as rows of gray values.
function grayOf(picture) {
  const { width, height } = picture;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Uint8Array(width * height);
  for (let at = 0; at < values.length; at++) {
    values[at] = Math.round(0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2]);
  }
  return { values, width, height };
}

// The ink of a picture, light on dark, in a box, its centre of mass in the middle: what bundle.json says of centring.
// Null if all pixels are alike.
function centred({ values, width: columns, height: rows }, height, width, box) {
  const size = values.length;
  let [limit, ink] = [otsu(values), values];
  if (limit === null) return null;
  const edge = [...values.subarray(0, columns), ...values.subarray(size - columns)];
  for (let row = 1; row < rows - 1; row++) edge.push(values[row * columns], values[(row + 1) * columns - 1]);
  if (2 * edge.filter((value) => value > limit).length > edge.length) {
    ink = values.map((value) => 255 - value); // dark on light
    limit = 254 - limit;
  }
  const whole = [spanOf(ink, columns, 0), spanOf(ink, columns, 1)];
  const near = whole.every(({ first, end, mass, moment }, axis) => {
    const side = axis ? width : height;
    return end - first <= box && Math.abs(2 * moment + mass - side * mass) <= 2 * mass;
  });
  if (rows === height && columns === width && near) return ink; // as MNIST's own are

  const mean = (part) => Math.round(part.reduce((sum, value) => sum + value, 0) / part.length);
  const [low, high] = [mean(ink.filter((value) => value <= limit)), mean(ink.filter((value) => value > limit))];
  const there = ink.map((value) => Number(value > limit));
  const [down, across] = [spanOf(there, columns, 0), spanOf(there, columns, 1)];
  const cut = { wide: across.end - across.first, tall: down.end - down.first };
  cut.values = Uint8ClampedArray.from({ length: cut.wide * cut.tall }, (_, at) => {
    const value = ink[(down.first + Math.floor(at / cut.wide)) * columns + across.first + (at % cut.wide)];
    return Math.floor(((value - low) * 255) / (high - low));
  });
  const [inside, longer] = [Math.min(box, height, width), Math.max(cut.wide, cut.tall)];
  const [wide, tall] = [cut.wide, cut.tall].map((side) =>
    Math.max(1, Math.floor((2 * inside * side + longer) / (2 * longer))),
  );
  const fitted = resized(cut, wide, tall);
  const [top, left] = [height, width].map((side, axis) => {
    const { mass, moment } = spanOf(fitted, wide, axis);
    return Math.max(0, Math.min(side - (axis ? wide : tall), Math.floor((side * mass - 2 * moment) / (2 * mass))));
  });
  const found = new Uint8Array(height * width);
  fitted.forEach((value, at) => (found[(top + Math.floor(at / wide)) * width + left + (at % wide)] = value));
  return found;
}

// Gray values in another size, bilinear with antialiasing: whole numbers and the order of the axes as in Pillow.
function resized({ values, wide, tall }, newWide, newTall) {
  const across = (rows, from) => resizedAxis(from, rows, wide, 1, newWide);
  const down = (columns, from) => resizedAxis(from, 1, tall, columns, newTall);
  const downFirst = tall > newTall && tall - newTall > 2 * (wide - newWide);
  return downFirst ? across(newTall, down(wide, values)) : down(newWide, across(tall, values));
}

// [before, size, after] to [before, wanted, after]; a weight is a whole number of 2 ** -22.
function resizedAxis(values, before, size, after, wanted) {
  if (size === wanted) return values;
  const [scale, found] = [size / wanted, new Uint8ClampedArray(before * wanted * after)];
  const reach = Math.max(1, scale);
  for (let place = 0; place < wanted; place++) {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const last = Math.min(size, Math.trunc(center + reach + 0.5));
    const falling = Array.from({ length: last - first }, (_, at) =>
      Math.max(0, 1 - Math.abs((at + first - center + 0.5) * (1 / reach))),
    );
    const whole = falling.reduce((sum, weight) => sum + weight, 0);
    const weights = falling.map((weight) => Math.trunc(0.5 + (weight / whole) * 2 ** 22));
    for (let line = 0; line < before * after; line++) {
      const [outer, inner] = [Math.floor(line / after), line % after];
      const sum = weights.reduce((so, weight, at) => so + weight * values[(outer * size + first + at) * after + inner], 2 ** 21);
      found[(outer * wanted + place) * after + inner] = Math.floor(sum / 2 ** 22);
    }
  }
  return found;
}

// The value up to which pixels are the darker part: the variance between the parts is largest.
function otsu(values) {
  const counts = new Array(256).fill(0);
  for (const value of values) counts[value]++;
  const everything = counts.reduce((sum, count, value) => sum + count * value, 0);
  let [count, total, most, limit] = [0, 0, -1, null];
  for (let value = 0; value < 255; value++) {
    count += counts[value];
    total += counts[value] * value;
    if (!count || count === values.length) continue;
    const apart = everything * count - total * values.length;
    const between = (apart * apart) / (count * (values.length - count));
    if (between > most) [most, limit] = [between, value];
  }
  return limit;
}

// Of the sums of the rows (axis 0) or columns (axis 1): the first that is not 0, the one after the last, and their mass.
function spanOf(values, columns, axis) {
  const sums = new Float64Array(axis ? columns : values.length / columns);
  values.forEach((value, at) => (sums[axis ? at % columns : Math.floor(at / columns)] += value));
  const there = [...sums.keys()].filter((at) => sums[at]);
  const [mass, moment] = [() => 1, (at) => at].map((by) => sums.reduce((sum, value, at) => sum + value * by(at), 0));
  return { first: there[0], end: there.at(-1) + 1, mass, moment };
}

function row(label, probability) {
  const item = document.createElement("li");
  const [name, value] = [document.createElement("span"), document.createElement("data")];
  item.style.setProperty("--probability", probability);
  name.textContent = label;
  value.value = probability;
  value.textContent = `${(100 * probability).toFixed(1)} %`;
  item.append(name, value);
  return item;
}

function say(text, wrong = false) {
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
}

async function classify(file) {
  const loaded = await ready;
  const { ort, session, labels, type, shape } = loaded;
  const values = await pixels(file, loaded);
  const output = await session.run({ image: new ort.Tensor(type, values, [1, ...shape.slice(1)]) });
  let probabilities = output.probabilities.data;
  if (probabilities.length < labels.length) probabilities = [1 - probabilities[0], probabilities[0]]; // no or yes
  const rows = labels.map((label, index) => [label, probabilities[index]]).sort((a, b) => b[1] - a[1]);
  list.replaceChildren(...rows.slice(0, 10).map(([label, probability]) => row(label, probability)));
  canvas.hidden = false;
  say(`${file.name} is most probably ${rows[0][0]}.`);
}

// One after the other, so that the last picture that was given is the one that stays.
function next(file) {
  turn = turn.then(() => {
    canvas.hidden = true;
    list.replaceChildren();
    return classify(file).catch((error) => say(error.message, true));
  });
}

say("Loading the model.");
const ready = load();
let turn = ready.then(
  ({ width, height, channels }) => say(`Ready. The model sees ${width} × ${height} pixels${channels === 1 ? ", in gray" : ""}.`),
  (error) => say(error.message, true),
);

input.onchange = () => {
  next(input.files[0]);
  input.value = ""; // the same file may be chosen again
};
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  next(event.dataTransfer.files[0] ?? new File([], "What was dropped"));
};
