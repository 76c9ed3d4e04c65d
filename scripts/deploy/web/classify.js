// Classifies pictures in the browser with the .onnx file of a bundle. Nothing is sent anywhere.
//
//   npm install --prefix vendor onnxruntime-web     beside this file, once
//   cp -r BUNDLE bundle                             or index.html?bundle=URL, and ?model=model.int8.onnx
//   python -m http.server                           any web server will do

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
  // The whole picture's size, of which the canvas shows the middle, and where the middle begins.
  const [sizes, wanted] = [[picture.width, picture.height], [width, height]];
  const side = rule?.shorter_side && Math.max(rule.shorter_side, height, width);
  const scale = side ? side / Math.min(...sizes) : Math.max(width / picture.width, height / picture.height);
  const whole = sizes.map((size) => (side ? Math.floor(size * scale + 1e-9) : size * scale));
  const start = whole.map((size, axis) =>
    side ? Math.round((size - wanted[axis]) / 2) : Math.floor((size - wanted[axis]) / scale / 2) * scale,
  );

  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
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
