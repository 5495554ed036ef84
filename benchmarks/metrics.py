"""How long COCO's numbers take from detections to the twelve of them: zoo's, against pycocotools'.

    nox -s bench -- metrics [--images N] [--detections N] [KIND...]

One after the other in one process, in CPU time, which other processes disturb less. All detections are made at random
near the true objects, as many for each image. The numbers must be the same in every digit. The last column is the time
of the interval from images drawn again 200 times, which pycocotools has nothing for.
"""

import argparse
import contextlib
import copy
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from measure import print_table, ratio
from zoo_evaluation.metrics import coco_metrics
from zoo_evaluation.metrics._coco import Kind

OBJECTS = 7.3
"""In an image, on average, as in COCO's validation images."""
CLASSES = 80
HEIGHT, WIDTH = 480, 640
KEYPOINTS = 17


def data(images: int, detections: int, kind: Kind) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return annotations and results: a few classes an image, sizes over three octaves, 3 % crowds."""
    random = np.random.default_rng(0)
    classes = 1 if kind == "keypoints" else CLASSES
    truth: dict[str, Any] = {
        "info": {},
        "images": [{"id": image, "height": HEIGHT, "width": WIDTH} for image in range(1, images + 1)],
        "annotations": [],
        "categories": [{"id": category, "name": str(category)} for category in range(1, classes + 1)],
    }
    results = []
    for image in range(1, images + 1):
        count = int(random.poisson(OBJECTS))
        boxes = np.concatenate([random.uniform(0, 400, (count, 2)), np.exp(random.uniform(1.5, 5.4, (count, 2)))], 1)
        labels = random.choice(random.integers(1, classes + 1, 4), count)
        for box, label in zip(boxes.tolist(), labels.tolist(), strict=True):
            one = {"id": len(truth["annotations"]) + 1, "image_id": image, "category_id": label, "bbox": box}
            one |= {"area": 0.6 * box[2] * box[3], "iscrowd": int(random.random() < 0.03)}
            truth["annotations"].append(one | shape(random, box, kind, true=True))
        near = random.integers(0, max(count, 1), detections)
        places = boxes[near] if count else random.uniform(1, 300, (detections, 4))
        places = places + random.normal(0, 8, (detections, 4))
        places[:, 2:] = np.abs(places[:, 2:])
        guessed = random.integers(1, classes + 1, detections)
        chosen = np.where(random.random(detections) < 0.3, labels[near], guessed) if count else guessed
        scores = random.random(detections) ** 3
        for box, label, score in zip(places.tolist(), chosen.tolist(), scores.tolist(), strict=True):
            one = {"image_id": image, "category_id": label, "score": score}
            results.append(one | shape(random, box, kind, true=False))
    return truth, results


def shape(random: np.random.Generator, box: list[float], kind: Kind, *, true: bool) -> dict[str, Any]:
    """Return what is compared of an object."""
    x, y, width, height = box
    if kind == "bbox":
        return {} if true else {"bbox": box}
    if kind == "keypoints":
        steps = np.linspace(0, 1, KEYPOINTS)
        points = np.stack([x + width * steps, y + height * steps, np.full(KEYPOINTS, 2)], 1)
        return {"keypoints": points.ravel().tolist(), "num_keypoints": KEYPOINTS}
    polygon = [x, y, x + width, y, x + width, y + height, x, y + height]
    if true:
        return {"segmentation": [polygon]}
    from pycocotools import mask

    (found,) = mask.frPyObjects([polygon], HEIGHT, WIDTH)
    return {"segmentation": {"size": found["size"], "counts": found["counts"].decode()}}


def reference(truth: dict[str, Any], results: list[dict[str, Any]], kind: Kind) -> list[float]:
    """Return pycocotools' numbers."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        expected = COCO()
        expected.dataset = truth
        expected.createIndex()
        evaluation = COCOeval(expected, expected.loadRes(results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    numbers: list[float] = evaluation.stats.tolist()
    return numbers


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function gives, and its CPU time."""
    started = time.process_time()
    found = function()
    return found, time.process_time() - started


def compare(kind: Kind, images: int, detections: int) -> tuple[object, ...]:
    """Measure one kind."""
    few = data(2, 2, kind)
    coco_metrics(*few, kind)  # imports
    reference(*few, kind)
    truth, results = data(images, detections, kind)
    ours, our_time = timed(lambda: coco_metrics(truth, results, kind))
    (low, high), interval_time = timed(ours.interval)
    copied = copy.deepcopy((truth, results))  # for it writes into them
    theirs, their_time = timed(lambda: reference(*copied, kind))
    difference = "same" if list(ours.numbers.values()) == theirs else "other numbers"
    times = (f"{our_time:.1f} s", f"{their_time:.1f} s", f"{ratio([our_time], [their_time]):.1f}", difference)
    return (kind, *times, f"{interval_time:.1f} s ({100 * low:.2f} to {100 * high:.2f})")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--detections", type=int, default=100)
    parser.add_argument("kinds", nargs="*", default=["bbox"], metavar="KIND")
    arguments = parser.parse_args()
    rows = [compare(kind, arguments.images, arguments.detections) for kind in arguments.kinds]
    header = ("kind", "zoo", "pycocotools", "pycocotools : zoo", "numbers", "interval")
    print_table(f"COCO's numbers, {arguments.images} images x {arguments.detections} detections", header, rows)


if __name__ == "__main__":
    main()
