/** The page: a picture is dropped or chosen, and its most probable classes appear. `?model=NAME.onnx` takes another model. */

import { Classifier } from "./model.js";

const SHOWN = 5;
const element = (name) => document.getElementById(name);
const say = (text) => { element("status").textContent = text; };

const loading = Classifier.load(new URLSearchParams(location.search).get("model") ?? "model.onnx");
loading.then(
  ({ facts }) => say(`${facts.model}: ${facts.categories.length} classes, licence ${facts.license}.`),
  (error) => say(error.message),
);

/** Put a picture on the canvas, over white, and return its pixels as they are in the file. */
async function read(file, model) {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
    throw new Error(`${file.name} is no picture that this browser reads.`);
  });
  const canvas = element("picture");
  [canvas.height, canvas.width] = model.size([bitmap.height, bitmap.width]);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  canvas.hidden = false;
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function row({ label, score }) {
  const [item, name, bar, share] = ["li", "span", "meter", "output"].map((tag) => document.createElement(tag));
  name.textContent = label;
  bar.value = score;
  share.textContent = `${(100 * score).toFixed(1)} %`;
  item.dataset.score = score;
  item.append(name, bar, share);
  return item;
}

async function show(file) {
  if (!file) return;
  element("classes").replaceChildren();
  try {
    const model = await loading;
    const picture = await read(file, model);
    const classes = await model.classify(picture);
    element("classes").replaceChildren(...classes.slice(0, SHOWN).map(row));
    say(`${file.name}, ${picture.width} x ${picture.height}`);
  } catch (error) {
    say(error.message);
  }
}

const drop = element("drop");
for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
  });
}
drop.addEventListener("drop", (event) => show(event.dataTransfer.files[0]));
element("file").addEventListener("change", (event) => show(event.target.files[0]));
