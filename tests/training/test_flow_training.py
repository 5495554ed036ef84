"""Pairs with true flow are read, changed, and learnt from."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from drawn_data import write_flows
from zoo_core import Weights, WeightsEnum, get_model_weights
from zoo_core.prediction import predict
from zoo_core.transforms import OpticalFlow
from zoo_evaluation import Dataset, evaluate, open_dataset
from zoo_evaluation.datasets import DatasetError
from zoo_flow.files import read_flo, write_flo, write_kitti
from zoo_flow.prediction import OpticalFlow as OpticalFlowResult
from zoo_training import Batch, Recipe, train
from zoo_training.tasks.flow import FlowTraining

PLAIN = Recipe(flip=0.0, color=0.0, scale_jitter=0.0)
"""Changes nothing but the size."""


def entry() -> WeightsEnum:
    enum: Any = WeightsEnum
    member: WeightsEnum = enum("Drawn", {"DEFAULT": Weights("", OpticalFlow, {"min_size": [32, 32]})})["DEFAULT"]
    return member


def drawn(tmp_path: Path, number: int = 2, side: int = 40) -> Dataset[Any]:
    write_flows(tmp_path / "pairs", number, side)
    return open_dataset(tmp_path / "pairs", holds="flows")


def test_an_example_is_two_images_with_flow_and_where_it_is_known(tmp_path: Path) -> None:
    made = FlowTraining(drawn(tmp_path), PLAIN, entry())
    images, (flow, valid) = made.example(made.dataset[0], torch.Generator())
    assert (images.shape, images.dtype) == ((2, 3, 40, 40), torch.uint8)
    assert torch.equal(flow, read_flo(made.dataset[0].flow))
    assert valid.all()


def test_chance_mirrors_flow_along_each_axis(tmp_path: Path) -> None:
    made = FlowTraining(drawn(tmp_path), PLAIN.but(flip=0.5), entry())
    true = read_flo(made.dataset[0].flow)[:, 0, 0]
    seen = set()
    for seed in range(60):
        _, (flow, _) = made.example(made.dataset[0], torch.Generator().manual_seed(seed))
        torch.testing.assert_close(flow[:, 0, 0].abs(), true.abs())
        seen.add(tuple((flow[:, 0, 0] / true).sign().tolist()))
    assert {(1.0, 1.0), (-1.0, 1.0), (1.0, -1.0)} <= seen


def test_colours_change_alike_mostly_and_differently_now_and_then(tmp_path: Path) -> None:
    dataset = drawn(tmp_path)
    first, _ = dataset[0].paths
    same = Dataset(
        layout="drawn", root=tmp_path, samples=(type(dataset[0])(name="a", paths=(first, first), flow=dataset[0].flow),)
    )
    made = FlowTraining(same, PLAIN.but(color=0.4), entry())
    pairs = [made.example(same[0], torch.Generator().manual_seed(seed))[0] for seed in range(50)]
    alike = [float((one.int() - two.int()).abs().float().mean()) < 3 for one, two in pairs]
    assert 0.6 < sum(alike) / len(alike) < 0.98


def test_flow_that_is_known_in_places_has_its_mask(tmp_path: Path) -> None:
    write_flows(tmp_path, 1, 40)
    valid = torch.rand(40, 40) < 0.5
    write_kitti(tmp_path / "000_flow.png", read_flo(tmp_path / "000_flow.flo"), valid)
    (tmp_path / "000_flow.flo").unlink()
    made = FlowTraining(open_dataset(tmp_path, holds="flows"), PLAIN, entry())
    _, (_, found) = made.example(made.dataset[0], torch.Generator())
    assert torch.equal(found, valid)


def test_a_batch_is_in_the_range_that_the_network_takes(tmp_path: Path) -> None:
    made = FlowTraining(drawn(tmp_path), PLAIN, entry())
    examples = [made.example(sample, torch.Generator()) for sample in made.dataset]
    batch = made.batch(["a", "b"], examples, torch.Generator())
    first, second = batch.inputs
    expected = made.preset(*(Image.open(path) for path in made.dataset[1].paths))
    torch.testing.assert_close(first[1], expected[0])
    torch.testing.assert_close(second[1], expected[1])
    assert batch.targets[0].shape == (2, 2, 40, 40)


class Constant(nn.Module):
    """Gives the true flow late, and notes how often it refines it."""

    def __init__(self, true: Tensor) -> None:
        super().__init__()
        self.true, self.updates = true, 0

    def forward(self, image1: Tensor, image2: Tensor, num_flow_updates: int) -> list[Tensor]:
        self.updates = num_flow_updates
        return [self.true + 1, self.true]


def test_the_loss_is_of_every_refinement_where_flow_is_known(tmp_path: Path) -> None:
    made = FlowTraining(drawn(tmp_path), PLAIN.but(flow_updates=2), entry())
    true, valid = torch.randn(1, 2, 40, 40), torch.zeros(1, 40, 40, dtype=torch.bool)
    valid[:, :20] = True
    model = Constant(true)
    images = torch.zeros(1, 3, 40, 40)
    loss = made.loss(model, Batch(("a",), (images, images), (torch.where(valid[:, None], true, torch.nan), valid)))
    assert float(loss["loss"]) == pytest.approx(0.8 * 0.5)
    assert model.updates == 2


@pytest.mark.parametrize(
    ("side", "size", "expected"), [(70, 0, (64, 64)), (20, 0, (32, 32)), (700, 0, (368, 496)), (70, 48, (48, 48))]
)
def test_parts_are_as_large_as_images_and_networks_allow(
    tmp_path: Path, side: int, size: int, expected: tuple[int, int]
) -> None:
    made = FlowTraining(drawn(tmp_path, 1, side), PLAIN.but(size=size), entry())
    assert made.size == expected


@pytest.mark.parametrize("size", [16, 60])
def test_sizes_that_the_network_cannot_take_are_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(ValueError, match=f"a multiple of 8, and at least 32 for this model, found {size}"):
        FlowTraining(drawn(tmp_path, 1), PLAIN.but(size=size), entry())


def test_pairs_that_fit_have_nothing_to_say(tmp_path: Path) -> None:
    dataset = drawn(tmp_path)
    assert FlowTraining.check(dataset, dataset) == []


def test_flow_of_another_size_is_named_before_training(tmp_path: Path) -> None:
    dataset = drawn(tmp_path)
    write_flo(dataset[1].flow, torch.zeros(2, 20, 30))
    with pytest.raises(
        DatasetError, match=r"(?s)1 of 2 pairs .* 40 x 40 and 40 x 40 pixels, and the true flow 30 x 20"
    ):
        FlowTraining.check(dataset, dataset)


def test_an_image_that_cannot_be_read_is_named_before_training(tmp_path: Path) -> None:
    dataset = drawn(tmp_path)
    dataset[0].paths[1].write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"000_img2\.png cannot be read"):
        FlowTraining.check(dataset, dataset)


def test_there_is_no_classifier_to_train_alone() -> None:
    with pytest.raises(ValueError, match=r"no classifier to train alone: .* --freeze update_block"):
        FlowTraining.usual_recipe(50, freeze="head")


def test_a_trained_network_is_a_model_that_predicts_and_is_measured(tmp_path: Path) -> None:
    write_flows(tmp_path / "pairs", 4, 128)
    recipe = {"epochs": 2, "batch_size": 2, "flow_updates": 2, "validation": 0.25}
    run = train("raft_small", tmp_path / "pairs", recipe, output=tmp_path / "run", weights=None, workers=0)
    assert get_model_weights(run.name)["DEFAULT"].meta["min_size"] == (128, 128)
    assert run.metrics["epe"] == min(row["metrics"]["epe"] for row in run.epochs)
    pair = [tmp_path / "pairs" / f"000_img{which}.png" for which in (1, 2)]
    (found,) = predict(pair, model=run.name)
    assert isinstance(found, OpticalFlowResult)
    assert found.flow.shape == (2, 128, 128)
    assert evaluate(run.name, tmp_path / "pairs")["epe"] > 0
