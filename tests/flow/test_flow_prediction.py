"""Prediction of flow, from Python and on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import Tensor, nn

from reference.fill import photo
from reference.records import build_as
from zoo_core import Preset, Weights, WeightsEnum, get_model_weights
from zoo_core.cli import main
from zoo_core.prediction import Failure, find_sources, run, stream, task_of
from zoo_flow.drawing import flow_to_image
from zoo_flow.files import read_flo
from zoo_flow.prediction import MAX_PIXELS, FlowPredictor


class BrighterWeights(WeightsEnum):
    V1 = Weights("https://localhost/none.pth", Preset("OpticalFlow"), {"min_size": (128, 128)})


class Brighter(nn.Module):
    """Takes pixels that turned from black to white to move to the right by 10; notes the shapes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, image1: Tensor, image2: Tensor, *, all_flows: bool) -> list[Tensor]:
        assert not all_flows
        self.shapes.append(tuple(image1.shape))
        moved = (image2 - image1)[:, :1] * 5
        return [torch.cat([moved, 0 * moved], dim=1)]


@pytest.fixture
def predictor() -> FlowPredictor:
    return FlowPredictor(Brighter(), BrighterWeights.V1)


def frames(folder: Path, *colours: str, size: tuple[int, int] = (70, 50)) -> list[Path]:
    for number, colour in enumerate(colours):
        Image.new("RGB", size, colour).save(folder / f"{number}.png")
    return [folder / f"{number}.png" for number in range(len(colours))]


def test_every_image_is_compared_with_the_next(predictor: FlowPredictor, tmp_path: Path) -> None:
    paths = frames(tmp_path, "black", "white", "white")
    first, second = stream(predictor, find_sources(paths, "image pairs"))
    assert first.to_dict() == {"source": f"{paths[0]} -> {paths[1]}", "mean": [10.0, 0.0], "longest": 10.0}
    assert first.summary() == "mean (+10.00, +0.00) px  longest 10.00 px"
    assert second.to_dict()["mean"] == [0.0, 0.0]


@pytest.mark.parametrize("size", [(70, 50), (128, 136), (201, 131)])
def test_flow_and_picture_have_the_size_of_the_images_and_the_model_gets_one_that_it_takes(
    predictor: FlowPredictor, tmp_path: Path, size: tuple[int, int]
) -> None:
    (outcome,) = run(predictor, find_sources(frames(tmp_path, "black", "white", size=size), "image pairs"))
    assert outcome.prediction.flow.shape == (2, size[1], size[0])  # type: ignore[attr-defined]
    assert all(side % 8 == 0 and side >= 128 for side in predictor.model.shapes[0][2:])
    drawn = predictor.draw(outcome.decoded, outcome.prediction)  # type: ignore[arg-type]
    assert drawn.width >= size[0]
    assert drawn.height > size[1]
    left = (drawn.width - size[0]) // 2
    colour = tuple(flow_to_image(torch.tensor([10.0, 0.0]).view(2, 1, 1)).flatten().tolist())
    assert {drawn.getpixel((left + x, y)) for x in (0, size[0] - 1) for y in (0, size[1] - 1)} == {colour}


def test_flow_of_images_in_memory_draws_itself_as_that_of_files(predictor: FlowPredictor, tmp_path: Path) -> None:
    black, white = frames(tmp_path, "black", "white")
    (outcome,) = run(predictor, find_sources([black, white], "image pairs"))
    expected = predictor.draw(outcome.decoded, outcome.prediction)  # type: ignore[arg-type]
    mixed, *others = predictor([(Image.open(black), white), black.read_bytes(), torch.ones(3, 50, 70), black])
    assert outcome.prediction.draw().tobytes() == mixed.draw().tobytes() == expected.tobytes()
    assert mixed.source == f"<image 1> -> {white}"
    assert [other.source for other in others] == ["<image 3> -> <image 4>", f"<image 4> -> {black}"]
    assert others[0].to_dict()["mean"] == [10.0, 0.0]
    assert others[0].draw((black, white)).tobytes() == expected.tobytes()


class Patient(nn.Module):
    """Moves nothing, and notes its arguments and where the first image has its first row."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[dict[str, Any], int]] = []

    def forward(self, image1: Tensor, image2: Tensor, **arguments: Any) -> list[Tensor]:
        column = image1[0, 0, :, image1.shape[3] // 2]
        self.calls.append((arguments, int((column == column[0]).sum())))
        return [torch.zeros_like(image1[:, :2])]


@pytest.mark.parametrize(
    ("options", "arguments", "equal_rows"),
    [({}, {}, 4), ({"num_flow_updates": 32}, {"num_flow_updates": 32}, 4), ({"padding": "kitti"}, {}, 1)],
)
def test_updates_and_padding_are_as_the_options_say(
    tmp_path: Path, options: dict[str, Any], arguments: dict[str, Any], equal_rows: int
) -> None:
    paths = frames(tmp_path, "black", "black", size=(136, 130))
    image = Image.new("RGB", (136, 130))
    image.putdata([(row, 0, 0) for row in range(130) for _ in range(136)])
    image.save(paths[0])
    predictor = FlowPredictor(Patient(), BrighterWeights.V1, **options)
    (prediction,) = stream(predictor, find_sources(paths, "image pairs"))
    assert prediction.flow.shape == (2, 130, 136)  # type: ignore[attr-defined]
    assert predictor.model.calls == [({"all_flows": False, **arguments}, equal_rows)]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_flow_updates": 0}, "at least 1, found 0"), ({"padding": "left"}, "'sintel' or 'kitti', found 'left'")],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FlowPredictor(Patient(), BrighterWeights.V1, **options)


def test_pairs_of_one_size_are_predicted_together(predictor: FlowPredictor, tmp_path: Path) -> None:
    paths = frames(tmp_path, "black", "white", "black", "white")
    assert len(list(stream(predictor, find_sources(paths, "image pairs"), batch_size=3))) == 3
    assert predictor.model.shapes == [(3, 3, 128, 128)]


def test_images_of_different_sizes_fail_alone(predictor: FlowPredictor, tmp_path: Path) -> None:
    paths = frames(tmp_path, "black", "white", "white")
    Image.new("RGB", (8, 9)).save(paths[2])
    good, failure = stream(predictor, find_sources(paths, "image pairs"))
    assert not isinstance(good, Failure)
    assert isinstance(failure, Failure)
    assert "both images should have the same size, found 70 x 50 and 8 x 9" in failure.error


def test_images_whose_correlations_would_fill_the_memory_are_refused(predictor: FlowPredictor) -> None:
    image = Image.new("RGB", (MAX_PIXELS // 16 + 1, 16))
    with pytest.raises(ValueError, match=rf"at most {MAX_PIXELS} pixels, found {image.width} x 16: make them smaller"):
        predictor.preprocess((image, image))


def test_lines_count_with_the_pixels_that_are_added_to_them(predictor: FlowPredictor) -> None:
    line = Image.new("RGB", (60_000, 1))
    with pytest.raises(ValueError, match=r"found 60000 x 1: make them smaller \(sides of less than 128 count as 128\)"):
        predictor.preprocess((line, line))
    nearly = Image.new("RGB", (16_384, 127))
    assert predictor.preprocess((nearly, nearly)).images.shape == (2, 3, 128, 16_384)


def test_models_for_flow_have_this_predictor() -> None:
    assert task_of("raft_small").predictor_class() is FlowPredictor


def test_the_command_draws_the_flow(publish: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    publish(get_model_weights("raft_small")["DEFAULT"], build_as("raft_small", "none").state_dict())
    for seed in (0, 1):
        Image.fromarray(photo(100, 130, seed)).save(tmp_path / f"{seed}.png")
    arguments = [str(tmp_path / "0.png"), str(tmp_path / "1.png"), "--model", "raft_small"]
    saved = ["--save", str(tmp_path / "drawn"), "--raw", str(tmp_path / "raw")]
    done = CliRunner().invoke(main, ["predict", *arguments, *saved, "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    flow = read_flo(row["raw"])
    assert (flow.shape, Path(row["raw"]).name) == ((2, 100, 130), "0.flo")
    assert flow.mean(dim=(1, 2)).tolist() == pytest.approx(row["mean"])
    assert len(row["mean"]) == 2
    with Image.open(tmp_path / "drawn" / "0.png") as drawn:
        assert drawn.width >= 130
        assert drawn.height > 100
