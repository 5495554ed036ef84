"""Protections of evaluating detectors: wrong ids, wrong classes, missing files, and numbers as COCO counts them."""

from . import Mutation

_READER = "zoo_evaluation/datasets/_coco.py"
_METRICS = "zoo_evaluation/metrics/_coco.py"
_TASK = "zoo_evaluation/tasks/detection.py"
_DATASETS = "evaluation/test_coco_dataset.py"
_REFUSED = f"{_DATASETS}::test_what_does_not_fit_together_is_refused_with_the_reason"
_EXACT = "evaluation/test_coco_metrics.py::test_numbers_are_pycocotools_exactly"
_EVALUATION = "evaluation/test_detection_evaluation.py"

MUTATIONS = (
    Mutation(
        "COCO: ids of categories that are not listed",
        _READER,
        "    if not unknown:\n        return\n",
        "    return\n",
        tuple(f"{_REFUSED}[{name}]" for name in ("80 against 91", "off by one", "unknown class")),
    ),
    Mutation(
        "COCO: the likely reason, off by one",
        _READER,
        "    if unknown in ([min(known) - 1], [max(known) + 1]):",
        "    if False:",
        (f"{_REFUSED}[off by one]",),
    ),
    Mutation(
        "COCO: an id for two images",
        _READER,
        '    _refuse_twice(ids, path, "images have the id")\n',
        "",
        (f"{_REFUSED}[image id twice]",),
    ),
    Mutation(
        "COCO: missing images are told",
        _READER,
        '    notes.count(missing, f"of {len(images)} images are listed and not there, and are left out")\n',
        "",
        (f"{_DATASETS}::test_missing_images_are_counted_and_told",),
    ),
    Mutation(
        "COCO: other classes are not taken for COCO's",
        _READER,
        '        published=PUBLISHED if path.stem.endswith("val2017") and ids in {COCO_IDS, (1,)} else "",\n',
        '        published=PUBLISHED if path.stem.endswith("val2017") else "",\n',
        (f"{_DATASETS}::test_other_classes_under_coco_s_file_names_are_people_s_own",),
    ),
    Mutation(
        "COCO: the precision of one right detection",
        _METRICS,
        "        chosen[:, :, category, area][is_one] = _FIRST\n",
        "",
        tuple(f"{_EXACT}[{kind}]" for kind in ("bbox", "segm", "keypoints")),
    ),
    Mutation(
        "COCO: a mask's area is its own",
        _METRICS,
        '    names = ("image_id", "category_id", "score", compared)\n',
        '    names = ("image_id", "category_id", "score", compared, "bbox")\n',
        ("evaluation/test_coco_metrics.py::test_a_mask_s_area_is_its_own",),
    ),
    Mutation(
        "detectors: classes are found by name",
        _TASK,
        "        self.ids = dict(zip(places, self.names, strict=True))\n",
        "        self.ids = {number: number for number in self.names}\n",
        (f"{_EVALUATION}::test_classes_are_found_by_name_whatever_their_order_and_ids",),
    ),
    Mutation(
        "detectors: classes of people's own that the model does not know",
        _TASK,
        "    strict = not dataset.published\n",
        "    strict = False\n",
        (f"{_EVALUATION}::test_classes_that_the_model_does_not_know_are_refused",),
    ),
    Mutation(
        "detectors: the model's own least score",
        _TASK,
        '        return {"min_score": 0.0}\n',
        "        return {}\n",
        (f"{_EVALUATION}::test_a_run_compares_with_what_is_published",),
    ),
)
