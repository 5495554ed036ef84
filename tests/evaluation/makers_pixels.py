"""Small data sets of label maps and of flow, and models that read what they say out of the images' colours."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from zoo_flow.files import write_flo, write_kitti

STEP = 12
"""Grey levels from one class to the next."""
VOC = [
    "__background__", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
]  # fmt: skip
COCO_IDS = (0, 5, 2, 16, 9, 44, 6, 3, 17, 62, 21, 67, 18, 19, 4, 1, 64, 20, 63, 7, 72)
COCO_NAMES = {
    1: "person", 2: "bicycle", 3: "car", 4: "motorcycle", 5: "airplane", 6: "bus", 7: "train", 9: "boat", 16: "bird",
    17: "cat", 18: "dog", 19: "horse", 20: "sheep", 21: "cow", 28: "umbrella", 44: "bottle", 62: "chair", 63: "couch",
    64: "potted plant", 67: "dining table", 72: "tv",
}  # fmt: skip


class ClassReader(nn.Module):
    """Takes a pixel's grey level for its class; of pictures that are grey all over a pixel is enough."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        grey = (images[:, 0] * 0.229 + 0.485) * 255
        if grey.max() - grey.min() < 1:
            grey = grey[:, :1, :1]
        classes = (grey / STEP).round().long().clamp(0, len(VOC) - 1)
        return {"out": nn.functional.one_hot(classes, len(VOC)).permute(0, 3, 1, 2).float()}


class FlowReader(nn.Module):
    """Takes the first image's red and green for the flow, and notes how often it should update it."""

    def __init__(self) -> None:
        super().__init__()
        self.updates: list[int | None] = []

    def forward(
        self, image1: Tensor, image2: Tensor, num_flow_updates: int | None = None, *, all_flows: bool = True
    ) -> list[Tensor]:
        self.updates.append(num_flow_updates)
        return [((image1[:, :2] + 1) * 127.5).round() - 128]


class RowReader(nn.Module):
    """Takes every pixel to move downwards by the number of its row, padding included."""

    def forward(self, image1: Tensor, image2: Tensor, **_: object) -> list[Tensor]:
        rows = torch.arange(image1.shape[2], dtype=torch.float32).view(1, 1, -1, 1).expand_as(image1[:, :1])
        return [torch.cat([torch.zeros_like(rows), rows], dim=1)]


def save_classes(path: Path, classes: NDArray[np.integer] | Sequence[Sequence[int]]) -> None:
    """Save the picture of what the model should predict."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = Image.fromarray((np.asarray(classes) * STEP).astype(np.uint8))
    if path.suffix == ".jpg":
        grey.convert("RGB").save(path, quality=100, subsampling=0)
    else:
        grey.convert("RGB").save(path)


def save_labels(path: Path, classes: NDArray[np.integer] | Sequence[Sequence[int]], *, palette: bool = True) -> None:
    """Save a true label map."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(classes).astype(np.uint8))
    if palette:
        image.putpalette([value for index in range(256) for value in (index, 255 - index, index)])
    image.save(path)


def box(x: int, y: int, width: int, height: int) -> list[list[int]]:
    """Return the polygon of a box of whole pixels."""
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def coco(
    root: Path,
    pictures: Mapping[str, tuple[NDArray[np.integer], Sequence[Mapping[str, Any]]]],
    **changed: Any,
) -> Path:
    """Write COCO's layout: for each image's name what the model predicts, and annotations."""
    listed, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
    for number, (name, (predicted, objects)) in enumerate(pictures.items()):
        save_classes(root / "val2017" / name, predicted)
        height, width = predicted.shape
        listed.append({"id": 7 * number, "file_name": name, "height": height, "width": width})
        for each in objects:
            annotations.append({"id": len(annotations), "image_id": 7 * number, "iscrowd": 0, **each})
    categories = [{"id": coco_id, "name": name} for coco_id, name in COCO_NAMES.items()]
    content = {"images": listed, "annotations": annotations, "categories": categories, **changed}
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    return root


def voc(root: Path, images: Mapping[str, tuple[NDArray[np.integer], NDArray[np.integer]]]) -> Path:
    """Write VOC's layout: for each name what the model predicts, and the true classes."""
    for name, (predicted, true) in images.items():
        save_classes(root / "JPEGImages" / f"{name}.jpg", predicted)
        save_labels(root / "SegmentationClass" / f"{name}.png", true)
    sets = root / "ImageSets" / "Segmentation"
    sets.mkdir(parents=True)
    (sets / "val.txt").write_text("".join(f"{name}\n" for name in images))
    return root


def label_maps(
    root: Path,
    images: Mapping[str, tuple[NDArray[np.integer], NDArray[np.integer]]],
    categories: Sequence[str] = VOC,
    *,
    palette: bool = True,
) -> Path:
    """Write people's own layout."""
    for name, (predicted, true) in images.items():
        save_classes(root / "images" / f"{name}.png", predicted)
        save_labels(root / "labels" / f"{name}.png", true, palette=palette)
    (root / "categories.txt").write_text("\n".join(categories))
    return root


def constant(flow: tuple[int, int], height: int = 130, width: int = 136) -> Tensor:
    """Return a flow that is the same everywhere."""
    return torch.tensor(flow, dtype=torch.float32).view(2, 1, 1).expand(2, height, width).clone()


def save_frame(path: Path, flow: tuple[int, int], height: int = 130, width: int = 136) -> None:
    """Save the picture of the flow that the model should predict."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (flow[0] + 128, flow[1] + 128, 0)).save(path)


def sintel(
    root: Path, scenes: Mapping[str, Sequence[tuple[tuple[int, int], Tensor]]], rendering: str = "clean"
) -> Path:
    """Write Sintel's layout: for each scene what the model predicts of each pair, and the true flow."""
    for scene, pairs in scenes.items():
        for number, (predicted, true) in enumerate(pairs, 1):
            height, width = true.shape[1:]
            save_frame(root / "training" / rendering / scene / f"frame_{number:04d}.png", predicted, height, width)
            flow = root / "training" / "flow" / scene / f"frame_{number:04d}.flo"
            flow.parent.mkdir(parents=True, exist_ok=True)
            write_flo(flow, true)
        save_frame(root / "training" / rendering / scene / f"frame_{len(pairs) + 1:04d}.png", (0, 0), height, width)
    return root


def kitti(root: Path, pairs: Sequence[tuple[tuple[int, int], Tensor, Tensor]]) -> Path:
    """Write KITTI's layout: what the model predicts of each pair, the true flow, and where it is known."""
    (root / "training" / "flow_occ").mkdir(parents=True)
    for number, (predicted, true, valid) in enumerate(pairs):
        height, width = true.shape[1:]
        for which in ("10", "11"):
            save_frame(root / "training" / "image_2" / f"{number:06d}_{which}.png", predicted, height, width)
        write_kitti(root / "training" / "flow_occ" / f"{number:06d}_10.png", true, valid)
    return root


def use_model(monkeypatch: Any, model: nn.Module) -> nn.Module:
    """Let every job of this test run this model, whatever it names."""
    monkeypatch.setattr("zoo_core.prediction._job.get_model", lambda *_, **__: model)
    return model
