/** A classifier that `zoo export` has written as ONNX, in the browser. */

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs";
import { metadata } from "./metadata.js";

/** Models named quantized_ are classifiers of the task quantization. */
const TASKS = ["classification", "quantization"];

export class Classifier {
  /**
   * Load a file.
   * @param {string} url Where it is.
   */
  static async load(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url} is not there (HTTP ${answer.status}): zoo export MODEL -o ${url}`);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const { zoo } = metadata(bytes);
    if (!zoo) throw new Error(`${url} was not exported by zoo: its metadata has no 'zoo'.`);
    const facts = JSON.parse(zoo);
    if (!TASKS.includes(facts.task) || facts.raw) {
      throw new Error(`${url} is for ${facts.task}${facts.raw ? ", without preprocessing" : ""}: expected a classifier.`);
    }
    return new Classifier(facts, await ort.InferenceSession.create(bytes));
  }

  constructor(facts, session) {
    this.facts = facts;
    this.session = session;
  }

  /** The height and width that the file takes; of one that takes any size, `fallback`. */
  size(fallback) {
    return this.facts.inputs[0].axes.slice(1, 3).map((axis, place) => (typeof axis === "number" ? axis : fallback[place]));
  }

  /**
   * Say what is in a picture.
   * @param {ImageData} picture
   * @returns {Promise<{label: string, score: number}[]>} All classes, the most probable first.
   */
  async classify({ data, height, width }) {
    const pixels = new Uint8Array(3 * height * width);
    for (let from = 0, to = 0; from < data.length; from += 4) {
      for (let channel = 0; channel < 3; channel++) pixels[to++] = data[from + channel];
    }
    const images = new ort.Tensor("uint8", pixels, [1, height, width, 3]);
    const found = await this.session.run({ [this.facts.inputs[0].name]: images });
    const scores = await found[this.facts.outputs[0].name].getData();
    const classes = this.facts.categories.map((label, index) => ({ label, score: scores[index] }));
    return classes.sort((one, other) => other.score - one.score);
  }
}
