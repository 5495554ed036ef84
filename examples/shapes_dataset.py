"""Write drawn shapes as a data set in COCO's layout: boxes, masks and keypoints, to train with and to measure with.

python examples/shapes_dataset.py shapes/ [SCENES]
zoo train shapes/ --model ssdlite320_mobilenet_v3_large --weights none -o runs/shapes
"""

import json
import sys
from pathlib import Path
from typing import Any

from torch import Tensor

from shapes import CATEGORIES, SIDE, draw_scenes
from zoo_core.transforms import tensor_to_pil
from zoo_detection.coco_format import RunLengths

KEYPOINTS = ("top", "left_end", "right_end")
"""The outermost points of a shape: where a mirror changes left and right."""


def write_shapes(root: Path | str, scenes: int = 200, held_out: int = 40, seed: int = 0) -> None:
    """Write scenes to train with (`train/`), and others to measure with (`val/`), with `annotations/` beside them.

    Args:
        root: The folder.
        scenes: How many are trained on.
        held_out: How many are for validation.
        seed: The same gives the same.
    """
    for place, (split, number) in enumerate((("train", scenes), ("val", held_out))):
        write_split(Path(root), split, number, seed=2 * seed + place)


def write_split(root: Path, split: str, number: int, seed: int) -> None:
    """Write the images of a split, and its annotations. The classes have the ids 1, 3 and 5."""
    categories = [{"id": 2 * place - 1, "name": name} for place, name in enumerate(CATEGORIES) if place]
    content: dict[str, Any] = {"images": [], "annotations": []}
    content["categories"] = [{**category, "keypoints": KEYPOINTS} for category in categories]
    (root / split).mkdir(parents=True, exist_ok=True)
    for place, (image, target) in enumerate(zip(*draw_scenes(number, seed), strict=True), 1):
        name = f"{place:04d}.png"
        tensor_to_pil((image * 255).round().byte()).save(root / split / name)
        content["images"].append({"id": place, "file_name": name, "height": SIDE, "width": SIDE})
        for mask, label in zip(target["masks"], target["labels"].tolist(), strict=True):
            facts = {"id": len(content["annotations"]) + 1, "image_id": place, "category_id": 2 * label - 1}
            content["annotations"].append({**facts, **annotation_of(mask)})
    path = root / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


def annotation_of(mask: Tensor) -> dict[str, Any]:
    """Return a shape as COCO's annotation files have it."""
    rows, columns = mask.nonzero().T
    left, top = columns.min().item(), rows.min().item()
    points = (
        (columns[rows == top], rows[rows == top]),
        (columns[columns == left], rows[columns == left]),
        (columns[columns == columns.max()], rows[columns == columns.max()]),
    )
    middles = [(x.double().mean().item() + 0.5, y.double().mean().item() + 0.5) for x, y in points]
    return {
        "bbox": [left, top, columns.max().item() + 1 - left, rows.max().item() + 1 - top],
        "area": len(rows),
        "iscrowd": 0,
        "segmentation": RunLengths.of_mask(mask).to_dict(),
        "keypoints": [value for x, y in middles for value in (x, y, 2)],
        "num_keypoints": len(points),
    }


if __name__ == "__main__":
    write_shapes(sys.argv[1], *map(int, sys.argv[2:3]))
