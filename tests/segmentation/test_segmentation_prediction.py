"""Prediction of label maps, from Python and on the command line."""

import json
from collections import OrderedDict
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
from zoo_segmentation.prediction import SegmentationPredictor

PRESET = Preset("SemanticSegmentation", {"resize_size": 32, "mean": (0.5,) * 3, "std": (0.5,) * 3})
MODEL = "lraspp_mobilenet_v3_large"


class RedWeights(WeightsEnum):
    V1 = Weights("https://localhost/none.pth", PRESET, {"categories": ["nothing", "red", "blue"]})


class Red(nn.Module):
    """Scores pixels by their colours, and notes the shapes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        self.shapes.append(tuple(images.shape))
        red, green, blue = images.unbind(1)
        out = torch.stack([green, red, blue], 1)
        return OrderedDict(out=out, aux=-out)


def street(folder: Path, name: str, size: tuple[int, int]) -> Path:
    """Save a green picture whose left quarter is red."""
    image = Image.new("RGB", size, (0, 255, 0))
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 4 - 1, size[1]), fill=(255, 0, 0))
    image.save(folder / name)
    return folder / name


@pytest.fixture
def predictor() -> SegmentationPredictor:
    return SegmentationPredictor(Red(), RedWeights.V1)


def test_the_classes_of_an_image_come_with_their_areas(predictor: SegmentationPredictor, tmp_path: Path) -> None:
    path = street(tmp_path, "a.png", (80, 40))
    (prediction,) = stream(predictor, find_sources([path]))
    nothing, red = prediction.to_dict()["classes"]
    assert (nothing["label"], red["label"], red["index"]) == ("nothing", "red", 1)
    assert red["share"] == pytest.approx(0.25, abs=0.02)
    assert nothing["share"] + red["share"] == pytest.approx(1)
    assert prediction.summary() == f"nothing {nothing['share']:.1%}  red {red['share']:.1%}"


@pytest.mark.parametrize("size", [(80, 40), (31, 57), (32, 32)])
def test_label_maps_are_given_at_the_size_of_the_models_input_where_it_is_asked_for(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    predictor = SegmentationPredictor(Red(), RedWeights.V1, labels_at="input")
    (outcome,) = run(predictor, find_sources([street(tmp_path, "a.png", size)]))
    height, width = predictor.model.shapes[0][2:]
    labels = outcome.prediction.labels  # type: ignore[attr-defined]
    assert labels.size == (width, height)
    scores = predictor.model(predictor.transforms(outcome.decoded)[None])["out"]
    assert list(labels.tobytes()) == scores[0].argmax(0).flatten().tolist()
    assert predictor.draw(outcome.decoded, outcome.prediction).width >= width  # type: ignore[arg-type]


def test_a_size_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(ValueError, match="labels_at is 'image' or 'input', found 'screen'"):
        SegmentationPredictor(Red(), RedWeights.V1, labels_at="screen")


@pytest.mark.parametrize("size", [(80, 40), (31, 57), (9, 9), (200, 33)])
def test_the_label_map_and_the_picture_have_the_size_of_the_image(
    predictor: SegmentationPredictor, tmp_path: Path, size: tuple[int, int]
) -> None:
    (outcome,) = run(predictor, find_sources([street(tmp_path, "a.png", size)]))
    assert outcome.prediction.labels.size == size  # type: ignore[attr-defined]
    drawn = predictor.draw(outcome.decoded, outcome.prediction)  # type: ignore[arg-type]
    assert drawn.height > size[1]
    left = (drawn.width - size[0]) // 2
    middle = size[1] // 2
    assert drawn.getpixel((left + size[0] - 1, middle)) == (0, 255, 0)
    expected = [(255 * (band == 0) + value) / 2 for band, value in enumerate(colour_of(1))]
    assert drawn.getpixel((left, middle)) == pytest.approx(expected, abs=2)


def test_classes_of_pixels_draw_themselves_and_round_their_shares(
    predictor: SegmentationPredictor, tmp_path: Path
) -> None:
    path = street(tmp_path, "a.png", (93, 40))
    (outcome,) = run(predictor, find_sources([path]))
    expected = predictor.draw(outcome.decoded, outcome.prediction)  # type: ignore[arg-type]
    (in_memory,) = predictor(path.read_bytes())
    assert outcome.prediction.draw().tobytes() == in_memory.draw().tobytes() == expected.tobytes()
    share = in_memory.to_dict()["classes"][1]["share"]
    assert f"share={round(share, 4)})" in repr(in_memory)
    assert share != round(share, 4)


def test_images_of_any_sizes_go_together_in_order(predictor: SegmentationPredictor, tmp_path: Path) -> None:
    sizes = [(80, 40), (40, 40), (160, 80)]
    paths = [street(tmp_path, f"{number}.png", size) for number, size in enumerate(sizes)]
    predictions = list(stream(predictor, find_sources(paths)))
    assert [prediction.labels.size for prediction in predictions] == sizes  # type: ignore[attr-defined]
    assert [prediction.source for prediction in predictions] == [str(path) for path in paths]
    assert sorted(predictor.model.shapes) == [(1, 3, 32, 32), (2, 3, 32, 64)]  # type: ignore[arg-type]


def test_the_command_line_predicts_and_draws(publish: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    member = get_model_weights(MODEL)["DEFAULT"]
    publish(member, build_as(MODEL, member.name).state_dict())
    picture = street(tmp_path, "street.png", (80, 60))
    saved = ["--save", str(tmp_path / "drawn"), "--raw", str(tmp_path / "raw")]
    done = CliRunner().invoke(main, ["predict", str(picture), "--model", MODEL, *saved, "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert row["raw"] == str(tmp_path / "raw" / "street.png")
    with Image.open(row["raw"]) as labels:  # of classes, with the colours of the overlay
        assert (labels.mode, labels.size) == ("P", (80, 60))
        found = {member.meta["categories"][index] for index in set(labels.tobytes())}
        assert found == {share["label"] for share in row["classes"]}
    assert sum(found["share"] for found in row["classes"]) == pytest.approx(1)
    assert {found["label"] for found in row["classes"]} <= set(member.meta["categories"])
    with Image.open(tmp_path / "drawn" / "street.png") as drawn:
        assert drawn.width >= 80
        assert drawn.height >= 60


def test_there_are_no_options_for_it() -> None:
    done = CliRunner().invoke(main, ["predict", ".", "--model", MODEL, "--topk", "3"])
    assert done.exit_code == 2
    assert "topk" in done.output


def test_the_task_s_predictor_is_found_by_its_name() -> None:
    assert task_of(MODEL).predictor_class() is SegmentationPredictor
