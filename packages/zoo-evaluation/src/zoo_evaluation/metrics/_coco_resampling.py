"""How sure one can be of COCO's average precision: which detections are right, counted again for images drawn again.

Matching is done once. A drawing gives each image a weight, how often it was drawn, and precision and recall are sums of
weights: so thousands of images are drawn hundreds of times in a second or two.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RECALLS = 101
_ALMOST = 1 - 1e-10
"""COCO asks for no more overlap than that."""


@dataclass(frozen=True)
class MatchTable:
    """Which detections are right, those of a class together, the most probable first.

    Args:
        num_images: How many images there are.
        category: Of each detection the place of its class, `(D,)`, rising.
        image: Of each detection the place of its image, `(D,)`.
        score: `(D,)`.
        right: By overlap, `(T, D)`.
        ignored: Those that count as neither right nor wrong, such as in crowds, `(T, D)`.
        true_category: Of each object that counts the place of its class, `(N,)`.
        true_image: Likewise of its image, `(N,)`.
    """

    num_images: int
    category: NDArray[np.int64]
    image: NDArray[np.int64]
    score: NDArray[np.float64]
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    true_category: NDArray[np.int64]
    true_image: NDArray[np.int64]

    def average_precision(self, weights: NDArray[np.float64]) -> float:
        """Return the mean average precision, in [0, 1], where each image counts so often; NaN of no objects.

        Args:
            weights: `(num_images,)`.
        """
        places = self._places
        positives = np.bincount(self.true_category, weights[self.true_image])
        counted = int((positives > 0).sum())
        if not counted:
            return float("nan")
        if not len(places.detection):
            return 0.0
        found = _sums(weights[self.image])
        passed_over = _sums(weights[self.image[places.ignored]])
        right = _sums(weights[self.image[places.detection]])
        number = found[places.detection + 1] - found[places.first]
        number -= passed_over[places.ignored_end] - passed_over[places.ignored_start]
        hits = right[1:] - right[places.start]
        precision = np.divide(hits, number, out=np.zeros_like(hits), where=number > 0)
        # The best precision at this recall or a greater one: earlier curves are lifted above later ones.
        lifted = precision - 2.0 * places.curve
        best = np.maximum.accumulate(lifted[::-1])[::-1] + 2.0 * places.curve
        total = positives[self.category[places.detection]]
        recall = np.divide(hits, total, out=np.zeros_like(hits), where=total > 0)
        reached = np.floor(recall * (_RECALLS - 1) + 1e-9) + 1
        before = np.where(places.is_first, 0.0, np.roll(reached, 1))
        gained = np.where(total > 0, reached - before, 0.0)
        return float((best * gained).sum() / _RECALLS / counted / len(self.right))

    def interval(self, *, resamples: int, seed: int) -> tuple[float, float]:
        """Return the 95 % confidence interval of the mean average precision."""
        generator = np.random.default_rng(seed)
        values = []
        for _ in range(resamples):
            drawn = generator.integers(0, self.num_images, self.num_images)
            weights = np.bincount(drawn, minlength=self.num_images).astype(np.float64)
            values.append(self.average_precision(weights))
        if np.isnan(values).all():
            return float("nan"), float("nan")
        low, high = np.nanpercentile(values, [2.5, 97.5])
        return float(low), float(high)

    @cached_property
    def _places(self) -> "_Places":
        return _Places.of(self)


@dataclass(frozen=True)
class _Places:
    """Where the right detections are, overlap after overlap, and what lies before them."""

    detection: NDArray[np.int64]
    """Of each right detection its place among all."""
    curve: NDArray[np.int64]
    """To which curve it belongs: each overlap and class has one."""
    is_first: NDArray[np.bool_]
    """Whether it is the first of its curve."""
    start: NDArray[np.int64]
    """The place of its curve's first one among the right ones."""
    first: NDArray[np.int64]
    """The place of its class's first detection among all."""
    ignored: NDArray[np.int64]
    """Of each ignored detection its place among all, overlap after overlap."""
    ignored_start: NDArray[np.int64]
    """How many ignored ones are before the curve."""
    ignored_end: NDArray[np.int64]
    """How many are before the detection."""

    @classmethod
    def of(cls, table: MatchTable) -> "_Places":
        overlap, detection = np.nonzero(table.right)
        ignored_overlap, ignored = np.nonzero(table.ignored)
        classes, size = int(table.category.max(initial=0)) + 1, len(table.category)
        category = table.category[detection]
        curve = overlap * classes + category
        first = np.searchsorted(table.category, category)
        is_first = np.append(True, curve[1:] != curve[:-1]) if len(curve) else np.zeros(0, dtype=bool)
        before = ignored_overlap * size + ignored  # rising
        return cls(
            detection=detection,
            curve=curve,
            is_first=is_first,
            start=np.searchsorted(curve, curve),
            first=first,
            ignored=ignored,
            ignored_start=np.searchsorted(before, overlap * size + first),
            ignored_end=np.searchsorted(before, overlap * size + detection),
        )


def match_table(evaluator: Any) -> MatchTable:
    """Match detections with objects of any area, as COCO does, from the overlaps that faster-coco-eval has computed.

    Args:
        evaluator: A `COCOeval_faster` that has evaluated.
    """
    parameters = evaluator.params
    images = {int(image): place for place, image in enumerate(parameters.imgIds)}
    categories = {int(category): place for place, category in enumerate(parameters.catIds)}
    limits = np.minimum(parameters.iouThrs, _ALMOST)[:, None]
    truth, found = (_by_pair(side, images, categories) for side in (evaluator.cocoGt, evaluator.cocoDt))
    rows, right, ignored = list[tuple[int, int, float]](), [], []
    for category, image in sorted(found, key=lambda pair: (categories[pair[0]], images[pair[1]])):
        objects = truth.get((category, image), [])
        detections = sorted(found[category, image], key=lambda one: -one["score"])[: parameters.maxDets[-1]]
        overlaps = evaluator.ious[image, category] if objects else ()
        is_right, is_ignored = _match(np.asarray(overlaps, dtype=np.float64), objects, detections, limits)
        rows += [(categories[category], images[image], one["score"]) for one in detections]
        right.append(is_right)
        ignored.append(is_ignored)
    category_of, image_of, score = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    order = np.lexsort((-score, category_of))  # stable
    true = [pair for pair, objects in truth.items() for one in objects if not _passed_over(one)]
    nothing = np.zeros((len(limits), 0), dtype=bool)
    return MatchTable(
        num_images=len(images),
        category=category_of[order].astype(np.int64),
        image=image_of[order].astype(np.int64),
        score=score[order].astype(np.float64),
        right=np.concatenate([nothing, *right], axis=1)[:, order],
        ignored=np.concatenate([nothing, *ignored], axis=1)[:, order],
        true_category=np.array([categories[category] for category, _ in true], dtype=np.int64),
        true_image=np.array([images[image] for _, image in true], dtype=np.int64),
    )


def _sums(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the first 0, 1, 2, ... weights."""
    return np.concatenate([np.zeros(1), np.cumsum(weights)])


def _by_pair(
    side: Any, images: dict[int, int], categories: dict[int, int]
) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """Return annotations by class and image."""
    found = defaultdict(list)
    for one in side.dataset["annotations"]:
        if one["category_id"] in categories and one["image_id"] in images:
            found[one["category_id"], one["image_id"]].append(one)
    return found


def _passed_over(one: dict[str, Any]) -> bool:
    """Tell whether an object counts for nothing: the library has marked crowds, and people without keypoints."""
    return bool(one["ignore"]) or not 0 <= one["area"] <= 1e5**2


def _match(
    overlaps: NDArray[np.float64],
    objects: list[dict[str, Any]],
    detections: list[dict[str, Any]],
    limits: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell of one class in one image which detections are right and which are ignored, at each limit: `(T, D)` both."""
    shape = len(limits), len(detections)
    right, ignored = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    if objects:
        passed_over = np.array([_passed_over(one) for one in objects])
        crowd = np.array([bool(one["iscrowd"]) for one in objects])
        taken = np.zeros((len(limits), len(objects)), dtype=bool)
        rows = np.arange(len(limits))
        for place in np.flatnonzero(overlaps.max(axis=1) >= limits.min()):
            possible = (overlaps[place] >= limits) & (~taken | crowd)
            chosen = possible & ~passed_over
            is_true = chosen.any(axis=1)
            chosen = np.where(is_true[:, None], chosen, possible)
            # Of several with the same overlap the last is taken.
            values = np.where(chosen, overlaps[place], -1.0)[:, ::-1]
            match = len(objects) - 1 - values.argmax(axis=1)
            is_match = chosen.any(axis=1)
            taken[rows[is_match], match[is_match]] = True
            right[:, place], ignored[:, place] = is_true, is_match & ~is_true
    beyond = np.array([not 0 <= one["area"] <= 1e5**2 for one in detections])
    return right, ignored | (beyond & ~right)
