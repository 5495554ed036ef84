"""COCO's annotation files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._dataset import DatasetError


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoFile:
    """What an annotation file holds.

    Args:
        path: The file.
        images: In the file's order, each with `id`, `file_name`, `height`, `width`.
        annotations: Of each image, by its `id`, in the file's order; those of images without any are empty.
        categories: Names of categories by their ids, in the file's order.
    """

    path: Path
    images: tuple[Mapping[str, Any], ...]
    annotations: Mapping[int, tuple[Mapping[str, Any], ...]]
    categories: Mapping[int, str]


def load_annotations(path: Path) -> dict[str, Any]:
    """Read an annotation file as it is: lists called `images`, `annotations` and `categories`, and what else there is.

    Raises:
        DatasetError: It cannot be read, or is not in COCO's format.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} should hold annotations as JSON, and cannot be read so: {error}.") from None
    wanted = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(name), list) for name in wanted):
        raise DatasetError(f"{path} is not in COCO's format: expected lists called {', '.join(wanted)}.")
    return content


def read_coco_json(path: Path) -> CocoFile:
    """Read an annotation file.

    Raises:
        DatasetError: It is no such file, or has annotations of images that it does not list.
    """
    content = load_annotations(path)
    try:
        found: dict[int, list[Mapping[str, Any]]] = {image["id"]: [] for image in content["images"]}
        for annotation in content["annotations"]:
            found[annotation["image_id"]].append(annotation)
        return CocoFile(
            path=path,
            images=tuple(content["images"]),
            annotations={image_id: tuple(annotations) for image_id, annotations in found.items()},
            categories={category["id"]: category["name"] for category in content["categories"]},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path} cannot be read as COCO's annotations, which have images, annotations and categories: "
            f"{type(error).__name__} {error}."
        ) from None
