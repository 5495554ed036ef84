"""Run a file that `zoo export` has written, with ONNX Runtime: neither torch nor zoo is needed.

    pip install onnxruntime numpy pillow
    python run_onnx.py resnet50.onnx photo.jpg

Prints the most probable classes of a picture; of a detector, the objects in it, with their boxes in pixels of the
picture. `--json` prints the same for other programs. The file itself says what goes in and what the classes are called.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

TASKS = ("classification", "quantization", "detection")
"""Models named quantized_ are classifiers of the task quantization."""


class OnnxModel:
    """A classifier or a detector in an ONNX file, with its preprocessing inside.

    Args:
        path: The file.

    Raises:
        ValueError: It was not exported by zoo, or as the network alone, or it is for another task.
    """

    def __init__(self, path: str | Path) -> None:
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        metadata = self.session.get_modelmeta().custom_metadata_map
        if "zoo" not in metadata:
            raise ValueError(f"{path} was not exported by zoo: its metadata has no 'zoo'.")
        self.facts = json.loads(metadata["zoo"])
        if self.facts["task"] not in TASKS:
            raise ValueError(f"{path} is for {self.facts['task']}: expected a classifier or a detector.")
        if self.facts["raw"]:
            raise ValueError(f"{path} has no preprocessing inside: export the model without --raw.")

    def __call__(self, picture: Image.Image, *, topk: int = 5, min_score: float = 0.5) -> list[dict[str, Any]]:
        """Say what is in a picture.

        Args:
            picture: Of any size.
            topk: How many classes a classifier names.
            min_score: The least score of an object that a detector names, in [0, 1].

        Returns:
            The classes or objects, the greatest score first: `label`, its `index` among the categories, `score`, and of
            a detector `box`: x1, y1, x2 and y2 in pixels of the picture.
        """
        picture = as_rgb(picture)
        (fact,) = self.facts["inputs"]
        height, width = fact["axes"][-3:-1]  # numbers, where the file takes one size alone
        size = (width, height) if isinstance(height, int) else picture.size
        pixels = np.asarray(picture.resize(size, Image.Resampling.BILINEAR))
        batched = pixels.reshape(-1, *pixels.shape) if len(fact["axes"]) == 4 else pixels
        results = self.session.run(None, {fact["name"]: batched})
        found = dict(zip((each["name"] for each in self.facts["outputs"]), results, strict=True))
        if "probabilities" in found:
            (scores,) = found["probabilities"]
            return [self._named(index, scores[index]) for index in (-scores).argsort(kind="stable")[:topk]]
        boxes = found["boxes"] * np.tile(np.divide(picture.size, size), 2)
        rows = zip(found["labels"], found["scores"], boxes, strict=True)
        return [self._named(index, score) | {"box": box.tolist()} for index, score, box in rows if score >= min_score]

    def _named(self, index: int, score: float) -> dict[str, Any]:
        return {"label": self.facts["categories"][index], "index": int(index), "score": float(score)}


def as_rgb(picture: Image.Image) -> Image.Image:
    """Return a picture upright, in RGB, with transparency laid over white: as zoo reads it."""
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return picture.convert("RGB")


def line(found: dict[str, Any]) -> str:
    """Return a class or an object for people."""
    text = f"{found['score']:>6.1%}  {found['label']}"
    if "box" not in found:
        return text
    x1, y1, x2, y2 = (round(edge) for edge in found["box"])
    return f"{text}  from ({x1}, {y1}) to ({x2}, {y2})"


def main() -> None:
    """Print what a model sees in a picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="the file")
    parser.add_argument("picture")
    parser.add_argument("--topk", type=int, default=5, help="how many classes")
    parser.add_argument("--min-score", type=float, default=0.5, help="least score of an object")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        model = OnnxModel(given.model)
    except ValueError as error:
        sys.exit(str(error))
    with Image.open(given.picture) as picture:
        found = model(picture, topk=given.topk, min_score=given.min_score)
    print(json.dumps(found) if given.json else "\n".join(map(line, found)) or "nothing")


if __name__ == "__main__":
    main()
