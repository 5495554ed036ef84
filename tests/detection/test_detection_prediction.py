"""Prediction of objects, from Python and on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image, ImageDraw
from torch import Tensor, nn

from reference.records import build_as
from zoo_core import Preset, Weights, WeightsEnum, get_model_weights
from zoo_core.cli import main
from zoo_core.drawing import colour_of
from zoo_core.prediction import find_sources, run, stream, task_of
from zoo_detection.coco_format import RunLengths, result_document
from zoo_detection.prediction import DetectedObject, Detection, DetectionPredictor

MODEL = "fasterrcnn_mobilenet_v3_large_320_fpn"
PRESET = Preset("ObjectDetection", {})


class RedWeights(WeightsEnum):
    V1 = Weights(
        "https://localhost/none.pth",
        PRESET,
        {"categories": ["background", "red"], "keypoint_names": ["nose", "left_eye", "chin"]},
    )


class Red(nn.Module):
    """Finds the red pixels of images, once for sure, and once rather not."""

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        return [self.find(image) for image in images]

    def find(self, image: Tensor) -> dict[str, Tensor]:
        mask = image[0] > image[1]
        rows, columns = mask.nonzero().unbind(1)
        box = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()
        points = torch.stack([box[:2], box[2:], box[:2] + 10])
        return {
            "boxes": torch.stack([box, box + 1]),
            "labels": torch.tensor([1, 1]),
            "scores": torch.tensor([0.9, 0.3]),
            "masks": mask.float().expand(2, 1, -1, -1),
            "keypoints": torch.cat([points, torch.ones(3, 1)], dim=1).expand(2, -1, -1),
            "keypoints_scores": torch.tensor([[5.0, 4.0, -3.0]] * 2),
        }


def picture(folder: Path, name: str = "a.png", size: tuple[int, int] = (640, 480)) -> Path:
    """Save a blue picture with a red rectangle."""
    image = Image.new("RGB", size, (0, 0, 255))
    ImageDraw.Draw(image).rectangle((100, 50, 299, 249), fill=(255, 0, 0))
    image.save(folder / name)
    return folder / name


@pytest.fixture
def predictor() -> DetectionPredictor:
    return DetectionPredictor(Red(), RedWeights.V1)


def test_objects_are_in_the_result_format_of_coco(predictor: DetectionPredictor, tmp_path: Path) -> None:
    path = picture(tmp_path)
    (prediction,) = stream(predictor, find_sources([path]))
    assert isinstance(prediction, Detection)
    row = json.loads(json.dumps(prediction.to_dict()))
    assert row["source"] == str(path)
    (found,) = row["detections"]
    assert (found["category_id"], found["category"], found["bbox"]) == (1, "red", [100, 50, 200, 200])
    assert found["score"] == pytest.approx(0.9)
    assert found["keypoints"] == [100, 50, 1, 300, 250, 1, 110, 60, 1]
    mask = RunLengths.of_dict(found["segmentation"])
    assert (mask.height, mask.width, sum(mask.counts[1::2])) == (480, 640, 200 * 200)
    assert prediction.summary() == "red 90.0%"


def test_less_probable_objects_are_reported_when_asked_for(tmp_path: Path) -> None:
    path = picture(tmp_path)
    reported = {}
    for score in (0.2, 0.95):
        predictor = DetectionPredictor(Red(), RedWeights.V1, min_score=score)
        (reported[score],) = stream(predictor, find_sources([path]))
    assert reported[0.2].summary() == "red 90.0%  red 30.0%"
    assert reported[0.95].summary() == "nothing"
    with pytest.raises(ValueError, match=r"expected it in \[0, 1\], found 1.5"):
        DetectionPredictor(Red(), RedWeights.V1, min_score=1.5)


def test_the_picture_shows_box_mask_and_probable_keypoints(predictor: DetectionPredictor, tmp_path: Path) -> None:
    (outcome,) = run(predictor, find_sources([picture(tmp_path)]))
    drawn = predictor.draw(outcome.decoded, outcome.prediction)  # type: ignore[arg-type]
    assert drawn.size == (640, 480)
    colour = colour_of(1)
    assert drawn.getpixel((200, 250)) == colour  # the box
    assert drawn.getpixel((300, 249)) == colour  # a keypoint
    middle = drawn.getpixel((200, 200))
    assert middle not in {(255, 0, 0), colour}  # the mask, between both
    assert drawn.getpixel((150, 180)) == middle
    assert drawn.getpixel((500, 400)) == (0, 0, 255)


def test_objects_draw_themselves_and_round_their_numbers(predictor: DetectionPredictor, tmp_path: Path) -> None:
    path = picture(tmp_path)
    (outcome,) = run(predictor, find_sources([path]))
    expected = predictor.draw(outcome.decoded, outcome.prediction)  # type: ignore[arg-type]
    (in_memory,) = predictor(Image.open(path))
    assert outcome.prediction.draw().tobytes() == in_memory.draw().tobytes() == expected.tobytes()
    assert "score=0.9, box=(100.0, 50.0, 300.0, 250.0)" in repr(in_memory)
    assert "counts=(48050, 200, 280, 200, 280, 200, 280, 200, … 401 in all)" in repr(in_memory)


def test_images_of_any_sizes_go_together(predictor: DetectionPredictor, tmp_path: Path) -> None:
    paths = [picture(tmp_path, f"{side}.png", (side, 400)) for side in (320, 500)]
    first, second = stream(predictor, find_sources(paths))
    assert [item.objects[0].mask.width for item in (first, second)] == [320, 500]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "rows",
    [
        [[0, 1, 1], [0, 0, 1]],
        [[1, 1], [1, 1]],
        [[0, 0], [0, 0]],
        [[1, 0], [1, 0], [0, 0]],
        [[int((x * y) % 7 < 3) for x in range(50)] for y in range(40)],
    ],
)
def test_masks_survive_their_encoding(rows: list[list[int]]) -> None:
    mask = torch.tensor(rows) > 0
    encoded = RunLengths.of_mask(mask)
    assert sum(encoded.counts) == mask.numel()
    as_text = encoded.to_dict()
    as_bytes, as_numbers = as_text | {"counts": as_text["counts"].encode()}, as_text | {"counts": [*encoded.counts]}
    assert [RunLengths.of_dict(written) for written in (as_text, as_bytes, as_numbers)] == [encoded] * 3
    image = encoded.to_image()
    assert image.size == (mask.shape[1], mask.shape[0])
    assert torch.equal(torch.tensor(list(image.tobytes())).view(mask.shape) > 0, mask)


def test_text_of_a_mask_holds_five_bits_a_letter_and_differences_from_the_fourth_run_on() -> None:
    """Written out by hand: 100 is 4 + 3 * 32, 3000 is 24 + 29 * 32 + 2 * 1024, 70000 - 3000 is 24 + 13 * 32 + …."""
    runs = RunLengths(1, 73102, (100, 3000, 2, 70000))
    assert runs.to_dict()["counts"] == "T3hm22h]Q2"
    assert RunLengths.of_dict(runs.to_dict()) == runs


def test_counts_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="has 2 x 2 pixels, but its counts describe 6"):
        RunLengths.of_dict({"size": [2, 2], "counts": "2111"})


def test_an_object_without_mask_or_keypoints_has_neither_in_json() -> None:
    assert DetectedObject("cat", 17, 0.5, (1.0, 2.0, 4.0, 8.0)).to_dict() == {
        "category_id": 17, "category": "cat", "score": 0.5, "bbox": [1.0, 2.0, 3.0, 6.0],
    }  # fmt: skip


def test_the_command_line_predicts_and_draws(publish: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    member = get_model_weights(MODEL)["DEFAULT"]
    state = build_as(MODEL, member.name).state_dict()
    state["roi_heads.box_predictor.cls_score.bias"][17] = 8  # a random network that believes in cats
    publish(member, state)
    path = picture(tmp_path, "street.png", (160, 120))
    raw = ["--raw", str(tmp_path / "raw"), "--min-score", "0.6"]
    arguments = ["--model", MODEL, *raw, "--save", str(tmp_path / "drawn"), "--json"]
    done = CliRunner().invoke(main, ["predict", str(path), *arguments])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert row["detections"]
    assert {found["category"] for found in row["detections"]} == {"cat"}
    with Image.open(tmp_path / "drawn" / "street.png") as drawn:
        assert drawn.width >= 160
    document = json.loads((tmp_path / "raw" / "detections.json").read_text())
    assert [found["bbox"] for found in document] == [found["bbox"] for found in row["detections"]]
    assert {(found["image_id"], found["category_id"]) for found in document} == {(str(path), 17)}
    (tmp_path / "raw" / "detections.json").unlink()
    again = CliRunner().invoke(main, ["predict", str(path), "--model", MODEL, *raw])
    assert (again.exit_code, "nothing is left to do" in again.stderr) == (0, True)
    assert json.loads((tmp_path / "raw" / "detections.json").read_text()) == document


def test_a_run_s_detections_are_one_list_with_the_numbers_of_the_images_if_all_have_one() -> None:
    found = {"category_id": 1, "category": "person", "score": 0.5, "bbox": [0.0, 0.0, 1.0, 1.0]}
    rows: list[dict[str, Any]] = [
        {"source": "val/000000000139.jpg", "detections": [found, found]},
        {"source": "val/broken.jpg", "error": "why"},
        {"source": "val/000000000285.jpg", "detections": [found]},
    ]
    ids = [entry["image_id"] for entry in json.loads("".join(result_document(rows)))]
    assert ids == [139, 139, 285]
    for other in ("street.jpg", "train/139.jpg"):
        more = [*rows, {"source": other, "detections": [found]}]
        ids = [entry["image_id"] for entry in json.loads("".join(result_document(more)))]
        assert ids == [rows[0]["source"], rows[0]["source"], rows[2]["source"], other]
    assert json.loads("".join(result_document([]))) == []


def test_objects_are_a_line_each() -> None:
    objects = (DetectedObject("cat", 17, 0.9876, (1.2, 2.0, 3.7, 4.0)), DetectedObject("dog", 18, 0.5, (0, 0, 9, 9)))
    assert Detection("a.png", objects).lines() == (
        " 98.8%  cat  from (1, 2) to (4, 4)",
        " 50.0%  dog  from (0, 0) to (9, 9)",
    )


def test_the_task_s_predictor_is_found_by_its_name() -> None:
    assert task_of(MODEL).predictor_class() is DetectionPredictor
