"""Exported files of all tasks: the task's predictor gives for them what it gives for the model itself."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from detection.one_stage.test_dense_detectors import ssd
from evaluation.makers_coco import make_coco
from evaluation.makers_pixels import VOC, constant, label_maps, sintel
from video.encoding import encode
from zoo_core import get_model, get_model_weights, load_predictor, task_of
from zoo_core.prediction import Failure, Prediction, PredictionJob
from zoo_detection.prediction import DetectedObject, Detection
from zoo_evaluation import Record, evaluate
from zoo_evaluation._evaluate import job_of
from zoo_export import ExportError, export, load_exported
from zoo_export.formats import get_format
from zoo_export.programs._objects import difference_of_objects
from zoo_segmentation.prediction import SegmentationPredictor

from .tiny import Clips, keypoint_rcnn, mask_rcnn, needs_new_torch, raft, segmenter, spread, wide_segmenter

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
SLOW = ("flow", "masks", "masks in boxes", "keypoints")
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
    for number, (width, height) in enumerate([(90, 66), (90, 66), (60, 96)]):  # OpenVINO resizes to these, too
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
    alone = {"batch_size": 1} if name in DETECTORS else {}  # what R-CNNs find depends on what is in the batch
    found, expected = load_predictor(str(path), **told)(sources), itself(sources, **alone)
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


def tensors_of(objects: Sequence[DetectedObject]) -> dict[str, Tensor]:
    """Return objects as detectors give them."""
    found = {
        "boxes": torch.tensor([each.box for each in objects]).reshape(-1, 4),
        "scores": torch.tensor([each.score for each in objects]),
        "labels": torch.tensor([each.index for each in objects]),
    }
    if any(each.mask for each in objects):
        masks = [np.asarray(each.mask.to_image()) for each in objects if each.mask]
        found["masks"] = torch.from_numpy(np.stack(masks)) > 0
    if any(each.keypoints for each in objects):
        found["keypoints"] = torch.tensor([[(point.x, point.y, 1.0) for point in each.keypoints] for each in objects])
    return found


def assert_same_results(found: Prediction, expected: Prediction) -> None:
    """Check that rows agree; objects, whose order rounding changes, as certificates compare them."""
    if not isinstance(expected, Detection):
        assert_alike(found.to_dict(), expected.to_dict())
        return
    assert isinstance(found, Detection)
    assert found.source == expected.source
    assert len(expected.objects) > 1
    assert {each.label for each in found.objects} == {each.label for each in expected.objects}
    assert difference_of_objects(tensors_of(found.objects), tensors_of(expected.objects), 5e-3)[1]


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
        assert_same_results(one, other)
        drawn, expected = (np.asarray(each.draw()).astype(float) for each in (one, other))
        assert drawn.shape == expected.shape
        assert np.abs(drawn - expected).mean() < 1
        if other.raw_suffix:
            raw, true = (raw_of(each, tmp_path / f"raw{other.raw_suffix}") for each in (one, other))
            assert raw.shape == true.shape
            assert (np.abs(raw.astype(float) - true) > 0.01).mean() < 0.01


# Evaluation


def dataset_for(name: str, root: Path) -> Path:
    """Write a small data set of a task."""
    if name == "video":
        frames = (np.full((16, 16, 3), level, np.uint8) for level in range(40, 200, 20))
        (root / "abseiling").mkdir(parents=True)
        encode(root / "abseiling" / "a.mp4", frames)
    elif name == "segmentation":
        classes = np.random.default_rng(0).integers(0, 4, (2, 60, 80))
        label_maps(root, {str(number): (each, each) for number, each in enumerate(classes)}, VOC)
    elif name == "flow":
        sintel(root, {"alley": [((3, 1), constant((3, 1)))]})
    else:
        make_coco(root, {1: "person", 2: "bicycle"}, number=2, empty=1)
    return root


def numbers(record: Record) -> dict[str, float]:
    return {each.name: each.value for each in record.metrics}


@pytest.mark.parametrize("name", [each for each in NAMES if each.values[0] not in SLOW])
def test_a_file_is_evaluated_as_the_model_is(name: str, tmp_path: Path) -> None:
    path, network = exported(name, "pt2", tmp_path)
    root = dataset_for(name, tmp_path / "data")
    entry = get_model_weights(TASKS[name][0])["DEFAULT"]
    protocol = "flows" if name == "flow" else None
    found = evaluate(str(path), root, protocol=protocol, output=tmp_path / "run")
    expected = evaluate(network, root, weights=entry, protocol=protocol)
    assert found.failures == expected.failures == 0
    assert numbers(found) == pytest.approx(numbers(expected), abs=0.5)
    path.unlink()
    assert numbers(job_of(tmp_path / "run").recompute()) == numbers(found)


@pytest.mark.parametrize("to", ["pt2", CONVERTED[0]])  # OpenVINO looks at sizes when it loads a file
def test_a_picture_that_a_runtime_refuses_is_a_failure_and_the_others_go_on(to: str, tmp_path: Path) -> None:
    path = tmp_path / f"file{get_format(to).suffix}"
    export("lraspp_mobilenet_v3_large", to, path, network=spread(wide_segmenter), certificate=False)
    wide, also_wide, narrow = load_predictor(str(path))(pictures(tmp_path))
    assert not isinstance(wide, Failure)
    assert not isinstance(also_wide, Failure)
    assert isinstance(narrow, Failure)
    assert f"{path}, lraspp_mobilenet_v3_large in {to}, cannot be run with images (1, 96, 60, 3): " in str(narrow)


def test_what_a_runtime_says_is_in_the_error_and_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = exported("segmentation", "pt2", tmp_path)
    loaded = load_exported(path)
    picture = np.zeros((1, 60, 60, 3), dtype=np.uint8)

    class RuntimesError(Exception):
        """As those of ONNX Runtime, which derive from nothing else."""

    for error, text in ((RuntimesError("bad shape"), "bad shape"), (AssertionError(), "AssertionError")):
        monkeypatch.setattr(type(loaded._runtime), "run", lambda _self, _inputs, error=error: raised(error))
        with pytest.raises(ExportError, match=rf"cannot be run with images \(1, 60, 60, 3\): {text}") as found:
            loaded(picture)
        assert found.value.__cause__ is error


def raised(error: Exception) -> None:
    raise error


# Options


def test_options_that_are_inside_a_file_are_told_and_others_are_refused(tmp_path: Path) -> None:
    path, _ = exported("segmentation", "pt2", tmp_path, labels_at="input")
    job = PredictionJob(sources=(), model=str(path))
    assert "labels_at=input" in job.made_by
    (prediction,) = load_predictor(str(path))(pictures(tmp_path)[0])
    assert min(prediction.labels.size) == 520  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="was made with labels_at='input', and 'image' is asked for"):
        PredictionJob(sources=(), model=str(path), options={"labels_at": "image"})
    with pytest.raises(ValueError, match="was made with labels_at='input', and 'image' is asked for"):
        evaluate(str(path), dataset_for("segmentation", tmp_path / "data"))


def test_a_raw_file_leaves_to_the_predictor_what_is_not_inside(tmp_path: Path) -> None:
    path, network = exported("segmentation", "pt2", tmp_path, raw=True)
    entry = get_model_weights("lraspp_mobilenet_v3_large")["DEFAULT"]
    picture = pictures(tmp_path)[0]
    (found,) = load_predictor(str(path), labels_at="input")(picture)
    (expected,) = SegmentationPredictor(network, entry, labels_at="input")(picture)
    assert found.to_dict() == expected.to_dict()


def test_a_batch_of_one_is_kept_to_by_label_maps(tmp_path: Path) -> None:
    path, _ = exported("segmentation", "pt2", tmp_path, fixed=["batch"])
    together = load_predictor(str(path))(pictures(tmp_path), batch_size=3)
    alone = load_predictor(str(path))(pictures(tmp_path), batch_size=1)
    assert [each.to_dict() for each in together] == [each.to_dict() for each in alone]


@pytest.mark.slow
def test_another_number_of_iterations_than_the_files_is_refused(tmp_path: Path) -> None:
    path, _ = exported("flow", "pt2", tmp_path)
    images = torch.zeros(1, 3, 130, 136, dtype=torch.uint8)
    network = get_model(str(path))
    assert network(images, images)[0].shape == (1, 2, 130, 136)
    with pytest.raises(ValueError, match="gives the flow after 2 iterations"):
        network(images, images, num_flow_updates=3)
    with pytest.raises(ValueError, match="was made with num_flow_updates=2, and 32 is asked for"):
        evaluate(str(path), dataset_for("flow", tmp_path / "data"))
