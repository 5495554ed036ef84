"""Exported files of all tasks: the task's predictor gives for them what it gives for the model itself."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from detection.one_stage.test_dense_detectors import ssd
from evaluation.makers_coco import make_coco
from evaluation.makers_pixels import VOC, constant, label_maps, sintel
from video.encoding import encode
from zoo_core import get_model, get_model_weights, load_predictor, task_of
from zoo_core.prediction import Failure, Prediction, PredictionJob, options_with
from zoo_detection.foundation.tracing import TELLS_EXPORT_APART
from zoo_evaluation import evaluate
from zoo_export import export
from zoo_export.formats import get_format

from .tiny import Clips, keypoint_rcnn, mask_rcnn, raft, segmenter, spread

pytestmark = pytest.mark.filterwarnings("ignore")  # the converters' are about themselves
TASKS: dict[str, tuple[str, Callable[[], nn.Module], dict[str, Any], dict[str, Any]]] = {
    "segmentation": ("lraspp_mobilenet_v3_large", segmenter, {}, {}),
    "video": ("r3d_18", partial(Clips, 400), {}, {"topk": 3}),
    "flow": ("raft_small", raft, {"num_flow_updates": 2}, {}),
    "detection": ("ssd300_vgg16", partial(ssd, detections_per_img=20), {}, {"min_score": 0.1}),
    "masks": ("maskrcnn_resnet50_fpn", mask_rcnn, {}, {"min_score": 0.1}),
    "masks in boxes": ("maskrcnn_resnet50_fpn", mask_rcnn, {"masks": "boxes"}, {"min_score": 0.1}),
    "keypoints": ("keypointrcnn_resnet50_fpn", partial(keypoint_rcnn, 17), {}, {"min_score": 0.1}),
}
"""The registered model that a small network stands for, what it is exported with, and what predictors are told."""
DETECTORS = ("detection", "masks", "masks in boxes", "keypoints")
needs_new_torch = pytest.mark.skipif(not TELLS_EXPORT_APART, reason="detectors are exported from PyTorch 2.13 on")
SLOW = ("masks in boxes", "keypoints")
NAMES = [
    pytest.param(name, marks=[needs_new_torch] * (name in DETECTORS) + [pytest.mark.slow] * (name in SLOW))
    for name in TASKS
]
CONVERTED = [
    pytest.param(
        to, marks=[pytest.mark.slow, pytest.mark.skipif(bool(get_format(to).missing), reason="needs its libraries")]
    )
    for to in ("onnx", "openvino")
]


def pictures(folder: Path) -> list[Path]:
    """Write three pictures of different sizes, the first two of one size, with things on them."""
    random = np.random.default_rng(0)
    paths = []
    for number, (width, height) in enumerate([(90, 66), (90, 66), (61, 97)]):
        coarse = Image.fromarray(random.integers(0, 256, (9, 7, 3), dtype=np.uint8))
        paths.append(folder / f"{number}.png")
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(paths[-1])
    return paths


def sources_for(name: str, folder: Path) -> Any:
    """Return what a predictor of the task takes: all in it is predicted on."""
    if name == "video":
        random = np.random.default_rng(0)
        levels = random.integers(0, 256, (30, 6, 8, 3), dtype=np.uint8)
        frames = [np.asarray(Image.fromarray(each).resize((96, 64), Image.Resampling.BICUBIC)) for each in levels]
        return [encode(folder / "a.mp4", frames), encode(folder / "b.mp4", frames[::-1])]
    paths = pictures(folder)
    return [tuple(paths[:2]), tuple(reversed(paths[:2]))] if name == "flow" else paths


def exported(name: str, to: str, folder: Path, **more: Any) -> tuple[Path, nn.Module]:
    """Export the small network of a task, and return both."""
    model, network, options, _ = TASKS[name]
    built, path = spread(network), folder / f"file{get_format(to).suffix}"
    export(model, to, path, network=built, certificate=False, **(options | more))
    return path, built


def both(name: str, to: str, folder: Path) -> list[tuple[Prediction, Prediction]]:
    """Return predictions of the file, and of the model itself."""
    path, network = exported(name, to, folder)
    model, _, options, told = TASKS[name]
    told = told | {key: value for key, value in options.items() if key == "num_flow_updates"}
    entry = get_model_weights(model)["DEFAULT"]
    itself = task_of(model).predictor_class()(network, entry, **told)  # type: ignore[call-arg]
    itself.media = task_of(model).media
    sources = sources_for(name, folder)
    found, expected = load_predictor(str(path), **told)(sources), itself(sources)
    assert len(found) == len(expected) > 0
    return list(zip(found, expected, strict=True))


def assert_alike(found: Any, expected: Any) -> None:
    """Check that rows say the same, numbers but for rounding and a grey level of resized pictures."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_alike(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-2, abs=1e-2)
    else:
        assert found == expected


def raw_of(prediction: Prediction, path: Path) -> np.ndarray:
    """Return what is in a raw result, bytes or pixels."""
    prediction.write_raw(path)
    if path.suffix == ".png":
        return np.asarray(Image.open(path))
    return np.frombuffer(path.read_bytes()[12:], dtype="<f4")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("to", ["pt2", *CONVERTED])
def test_rows_drawings_and_raw_results_are_those_of_the_model(name: str, to: str, tmp_path: Path) -> None:
    for one, other in both(name, to, tmp_path):
        assert not isinstance(other, Failure), str(other)
        assert type(one) is type(other), str(one)
        assert_alike(one.to_dict(), other.to_dict())
        drawn, expected = (np.asarray(each.draw()).astype(float) for each in (one, other))
        assert drawn.shape == expected.shape
        assert np.abs(drawn - expected).mean() < 1
        if other.raw_suffix:
            raw, true = (raw_of(each, tmp_path / f"raw{other.raw_suffix}") for each in (one, other))
            assert raw.shape == true.shape
            assert (np.abs(raw.astype(float) - true) > 0.01).mean() < 0.01
