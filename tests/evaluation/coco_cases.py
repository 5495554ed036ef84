"""Random truths and results in COCO's formats, with everything that COCO's evaluation treats in its own way."""

from typing import Any

import numpy as np

HEIGHT, WIDTH = 120, 160


def random_case(seed: int, kind: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return annotations and results of a few images.

    There are crowds, ties of scores and of overlaps, images without objects and without results, boxes without width,
    objects of all sizes, ids with gaps, classes without objects, and more results than are looked at.
    """
    random = np.random.default_rng(seed)
    category_ids = sorted(random.choice(91, random.integers(1, 4), replace=False).tolist())
    image_ids = random.choice(10**6, random.integers(1, 7), replace=False).tolist()
    annotations, results = list[dict[str, Any]](), list[dict[str, Any]]()
    for image_id in image_ids:
        objects = [_object(random, kind) for _ in range(random.choice([0, 1, 2, 5, 12]))]
        for one in objects:
            annotations.append(
                {
                    "image_id": image_id,
                    "category_id": int(random.choice(category_ids)),
                    "id": len(annotations) + 1,
                    **one,
                }
            )
        mine = [one for one in annotations if one["image_id"] == image_id]
        for _ in range(random.choice([0, 1, 4, 20, 130], p=[0.2, 0.2, 0.3, 0.25, 0.05])):
            near = mine[random.integers(len(mine))] if mine and random.random() < 0.8 else None
            category_id = near["category_id"] if near and random.random() < 0.9 else int(random.choice(category_ids))
            results.append(
                {
                    "image_id": image_id,
                    "category_id": category_id,
                    "score": float(np.round(random.random(), random.choice([1, 2, 6]))),
                    **_result(random, kind, near or _object(random, kind)),
                }
            )
    if not results:  # pycocotools cannot read a file without results
        results = [{"image_id": image_ids[0], "category_id": category_ids[0], "score": 0.5}]
        results[0] |= _result(random, kind, _object(random, kind))
    random.shuffle(results)
    return {
        "info": {},
        "images": [{"id": image_id, "height": HEIGHT, "width": WIDTH} for image_id in image_ids],
        "annotations": annotations,
        "categories": [{"id": category_id, "name": f"class {category_id}"} for category_id in category_ids],
    }, results


def _object(random: np.random.Generator, kind: str) -> dict[str, Any]:
    x, y, width, height = _box(random)
    crowd = int(random.random() < 0.1)
    one = {"bbox": [x, y, width, height], "area": width * height, "iscrowd": crowd}
    if kind == "segm":
        mask = _mask(x, y, width, height)
        one |= {"area": float(mask.sum())}
        polygon = [x, y, x + width, y, x + width, y + height, x, y + height]
        one["segmentation"] = _uncompressed(mask) if crowd else [polygon]
    if kind == "keypoints":
        visible = random.choice([0, 1, 2], 17) * (random.random() < 0.9)
        places = np.stack([x + width * random.random(17), y + height * random.random(17), visible], axis=1)
        one["keypoints"] = np.where(visible[:, None] > 0, places, 0.0).ravel().tolist()
        one["num_keypoints"] = int((visible > 0).sum())
    return one


def _box(random: np.random.Generator) -> list[float]:
    sizes = random.choice([3.0, 10.0, 30.0, 70.0, 110.0], 2) * random.uniform(0.8, 1.2, 2)
    if random.random() < 0.05:
        sizes[random.integers(2)] = 0
    if random.random() < 0.5:
        sizes = sizes.round()
    x, y = random.integers(0, WIDTH // 2), random.integers(0, HEIGHT // 2)
    return [float(x), float(y), *sizes.tolist()]


def _result(random: np.random.Generator, kind: str, near: dict[str, Any]) -> dict[str, Any]:
    shift = np.array([random.choice([0.0, 1.0, 4.0, 20.0]) for _ in range(4)]) * random.uniform(-1, 1)
    x, y, width, height = (np.array(near["bbox"]) + shift).tolist()
    if kind == "bbox":
        return {"bbox": [x, y, max(width, 0.0), max(height, 0.0)]}
    if kind == "segm":
        from pycocotools import mask as masks

        found = masks.encode(np.asfortranarray(_mask(x, y, width, height)))
        return {"segmentation": {"size": found["size"], "counts": found["counts"].decode()}}
    points = np.array(near["keypoints"]).reshape(17, 3)
    points[:, :2] += random.choice([0.0, 1.0, 3.0, 10.0]) * random.normal(size=(17, 2))
    points[:, 2] = 1
    return {"keypoints": points.ravel().tolist()}


def _mask(x: float, y: float, width: float, height: float) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[max(0, int(y)) : max(0, int(y + height)), max(0, int(x)) : max(0, int(x + width))] = 1
    return mask


def _uncompressed(mask: np.ndarray) -> dict[str, Any]:
    pixels = mask.T.ravel()
    edges = np.flatnonzero(np.diff(pixels)) + 1
    runs = np.diff(np.concatenate([[0], edges, [len(pixels)]])).tolist()
    return {"size": list(mask.shape), "counts": [0, *runs] if pixels[0] else runs}
