"""Average precision and recall as COCO counts them, of boxes, masks and keypoints.

Tsung-Yi Lin, Michael Maire, Serge Belongie, Lubomir Bourdev, Ross Girshick, James Hays, Pietro Perona, Deva Ramanan, C.
Lawrence Zitnick, Piotr Dollár: Microsoft COCO: Common Objects in Context, 2014, arXiv:1405.0312. faster-coco-eval does
the work; where it differs from pycocotools in the last digit, that is set right here.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._coco_resampling import MatchTable, match_table

Kind: TypeAlias = Literal["bbox", "segm", "keypoints"]
"""What is compared, as COCO's tools call it."""

FIELDS: Mapping[str, str] = {"bbox": "bbox", "segm": "segmentation", "keypoints": "keypoints"}
"""What a result has of each."""
_RECALLS = np.linspace(0.0, 1.0, 101)
_FIRST = 1 / (1 + np.spacing(1))
"""The precision of one right detection alone in pycocotools, which adds that much to how many there are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CocoMetrics:
    """COCO's numbers, in [0, 1], and -1 where no object decides them.

    Args:
        kind: What was compared.
        numbers: By name, in the order in which pycocotools gives them: `map` over ten overlaps, `map_50`, `map_75`,
            then by the objects' area; `mar` is recall: of 1, 10 and 100 detections an image, then by area.
        category_ids: The classes, sorted.
        thresholds: The least overlaps, `(T,)`.
        precision: By overlap, recall, class, area and number of detections: `(T, 101, K, A, M)`.
        recall: Likewise, `(T, K, A, M)`.

    Example:
        >>> from zoo_evaluation.metrics import coco_metrics
        >>> image = {"id": 7, "height": 100, "width": 100}
        >>> truth = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [0, 0, 40, 40], "area": 1600, "iscrowd": 0}
        >>> found = {"image_id": 7, "category_id": 3, "bbox": [0, 0, 40, 32], "score": 0.9}
        >>> data = {"images": [image], "annotations": [truth], "categories": [{"id": 3, "name": "cat"}]}
        >>> round(coco_metrics(data, [found]).numbers["map"], 3)
        0.7
    """

    kind: Kind
    numbers: Mapping[str, float]
    category_ids: tuple[int, ...]
    thresholds: NDArray[np.float64]
    precision: NDArray[np.float64] = field(repr=False)
    recall: NDArray[np.float64] = field(repr=False)
    _evaluator: Any = field(repr=False)

    def of_class(self, category_id: int) -> dict[str, float]:
        """Return `map`, `map_50` (if that overlap is among the thresholds) and `mar` of one class."""
        place = self.category_ids.index(category_id)
        precision, recall = self.precision[:, :, place, 0, -1], self.recall[:, place, 0, -1]
        found = {"map": _mean(precision), "mar": _mean(recall)}
        half = precision[self.thresholds == 0.5]
        return found | ({"map_50": _mean(half)} if len(half) else {})

    @cached_property
    def matches(self) -> MatchTable:
        """Which detections are right at which overlap, for objects of any area."""
        return match_table(self._evaluator)

    def interval(self, *, resamples: int = 200, seed: int = 0) -> tuple[float, float]:
        """Return the 95 % confidence interval of `map`: images are drawn again with replacement.

        Args:
            resamples: How often they are drawn.
            seed: Of the drawing: the same interval each time.
        """
        return self.matches.interval(resamples=resamples, seed=seed)


def coco_metrics(
    truth: Mapping[str, Sequence[Mapping[str, Any]]],
    results: Iterable[Mapping[str, Any]],
    kind: Kind = "bbox",
    *,
    thresholds: Sequence[float] | None = None,
    max_detections: Sequence[int] | None = None,
    sigmas: Sequence[float] | None = None,
) -> CocoMetrics:
    """Compare detections with what is true, exactly as pycocotools does.

    Two things are as one would expect rather than as there: annotations may have the id 0, or one id twice. Results of
    classes that the truth does not list are left out, as there.

    Args:
        truth: As COCO's annotation files have it: `images` with `id` (for masks `height` and `width`, too),
            `annotations`, and `categories` with `id`. An annotation has `image_id`, `category_id`, `bbox` (x, y, width,
            height in pixels), perhaps `area` (by default the box's) and `iscrowd`; and `segmentation` (polygons or run
            lengths) or `keypoints` (x, y, v in turn, v > 0 where it is known) where these are compared.
        results: As COCO's result files have them: `image_id`, `category_id`, `score`, and `bbox`, `segmentation` (run
            lengths) or `keypoints`. Only what is compared is looked at: a mask's area is its own, not its box's.
        kind: What to compare.
        thresholds: The least overlaps; by default COCO's ten from 0.5 to 0.95.
        max_detections: How many detections of a class in an image count, the most probable, rising; by default 1, 10
            and 100, and 20 for keypoints.
        sigmas: How exactly each keypoint can be known, in shares of the object's size; by default those of COCO's 17.

    Raises:
        ValueError: There are no images or classes; a result is of another image, has no number as its score, or lacks
            what is compared.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    if not truth["images"] or not truth["categories"]:
        raise ValueError("COCO's metrics need images and categories, found none.")
    expected = COCO(_truth(truth, kind))
    found = expected.loadRes(_results(results, kind, expected.imgs))
    evaluator = COCOeval_faster(expected, found, kind, print_function=_silent, kpt_oks_sigmas=_listed(sigmas))
    parameters = evaluator.params
    parameters.catIds = sorted(expected.cats)
    parameters.maxDets = list(max_detections or parameters.maxDets)
    if thresholds is not None:
        parameters.iouThrs = np.asarray(thresholds, dtype=np.float64)
    positives = _positives(expected.dataset["annotations"], parameters.catIds, parameters.areaRng, kind)
    # Where a class has two right detections, its recall is then asked for, too.
    parameters.recThrs = np.union1d(_RECALLS, 2 / positives[positives > 1])
    evaluator.evaluate()
    evaluator.accumulate()
    precision = _set_right(evaluator.eval["precision"], positives, parameters.recThrs)
    recall = evaluator.eval["recall"]
    return CocoMetrics(
        kind=kind,
        numbers=_numbers(precision, recall, kind, parameters.iouThrs, parameters.maxDets),
        category_ids=tuple(parameters.catIds),
        thresholds=parameters.iouThrs,
        precision=precision,
        recall=recall,
        _evaluator=evaluator,
    )


def _silent(*_: object) -> None: ...


def _listed(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else list(values)


def _truth(truth: Mapping[str, Sequence[Mapping[str, Any]]], kind: Kind) -> dict[str, Any]:
    """Return a copy that the library may write into, with annotations counted from 1 on."""
    annotations = []
    for number, given in enumerate(truth["annotations"], 1):
        width, height = given["bbox"][2:]
        one = {"area": width * height, "iscrowd": 0, **given, "id": number}
        if kind == "keypoints" and "num_keypoints" not in one:
            one["num_keypoints"] = sum(value > 0 for value in one.get("keypoints", ())[2::3])
        if kind != "segm":
            one.pop("segmentation", None)
        annotations.append(one)
    return {
        "info": {},
        "images": [dict(image) for image in truth["images"]],
        "annotations": annotations,
        "categories": [dict(category) for category in truth["categories"]],
    }


def _results(results: Iterable[Mapping[str, Any]], kind: Kind, images: Mapping[int, object]) -> list[dict[str, Any]]:
    """Return what is compared of each result.

    Raises:
        ValueError: One cannot be compared.
    """
    compared = FIELDS[kind]
    names = ("image_id", "category_id", "score", compared)
    try:
        chosen = [{name: result[name] for name in names} for result in results]
    except KeyError as error:
        raise ValueError(f"Each result needs {', '.join(names)} to compare {kind}: {error} is missing.") from None
    for result in chosen:
        if result["image_id"] not in images:
            raise ValueError(
                f"There are results of image {result['image_id']}, which is not among the {len(images)} images of the "
                "truth: these results are of another data set."
            )
        if not math.isfinite(result["score"]):
            raise ValueError(f"A result of image {result['image_id']} has a score of {result['score']}.")
        if kind == "segm" and not isinstance(result[compared]["counts"], str | bytes):
            result[compared] = _as_text(result[compared])
    return chosen


def _as_text(mask: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return run lengths that are given as numbers the way the library takes them of results."""
    from faster_coco_eval.core import mask as masks

    found: Mapping[str, Any] = masks.frPyObjects(dict(mask), *mask["size"])
    return found


def _positives(
    annotations: Sequence[Mapping[str, Any]], category_ids: Sequence[int], areas: Sequence[Sequence[float]], kind: Kind
) -> NDArray[np.int64]:
    """Return how many objects count, by class and area: `(K, A)`."""
    place = {category: index for index, category in enumerate(category_ids)}
    found = np.zeros((len(category_ids), len(areas)), dtype=np.int64)
    for one in annotations:
        if one["iscrowd"] or (kind == "keypoints" and one["num_keypoints"] == 0) or one["category_id"] not in place:
            continue
        for index, (least, most) in enumerate(areas):
            found[place[one["category_id"]], index] += least <= one["area"] <= most
    return found


def _set_right(
    precision: NDArray[np.float64], positives: NDArray[np.int64], recalls: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return precision at COCO's recalls, with pycocotools' value where the first detection alone is right."""
    chosen = precision[:, np.searchsorted(recalls, _RECALLS)]
    for category, area in np.argwhere(positives > 0):
        count = positives[category, area]
        is_one = chosen[:, :, category, area] == 1
        if count > 1:  # where the second is right, too, the library and pycocotools agree on 1
            second = precision[:, np.searchsorted(recalls, 2 / count), category, area]
            is_one &= (second < 1)[:, None]
        chosen[:, :, category, area][is_one] = _FIRST
    return chosen


def _mean(values: NDArray[np.float64]) -> float:
    known = values[values > -1]
    return float(np.mean(known)) if len(known) else -1.0


def _numbers(
    precision: NDArray[np.float64],
    recall: NDArray[np.float64],
    kind: Kind,
    thresholds: NDArray[np.float64],
    max_detections: Sequence[int],
) -> dict[str, float]:
    """Return COCO's twelve numbers, or ten of keypoints."""
    areas = ["medium", "large"] if kind == "keypoints" else ["small", "medium", "large"]
    found = {"map": _mean(precision[:, :, :, 0, -1])}
    for percent in (50, 75):
        found[f"map_{percent}"] = _mean(precision[thresholds == percent / 100][:, :, :, 0, -1])
    found |= {f"map_{area}": _mean(precision[:, :, :, place, -1]) for place, area in enumerate(areas, 1)}
    if kind == "keypoints":
        found["mar"] = _mean(recall[:, :, 0, -1])
        for percent in (50, 75):
            found[f"mar_{percent}"] = _mean(recall[thresholds == percent / 100][:, :, 0, -1])
    else:
        found |= {f"mar_{most}": _mean(recall[:, :, 0, place]) for place, most in enumerate(max_detections)}
    return found | {f"mar_{area}": _mean(recall[:, :, place, -1]) for place, area in enumerate(areas, 1)}
