"""Label maps are read, changed, learnt from and looked at before a training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from drawn_data import write_label_maps
from shapes import CATEGORIES, SIDE
from zoo_core import Weights, WeightsEnum, get_model, get_model_weights
from zoo_core.prediction import predict
from zoo_core.transforms import SemanticSegmentation
from zoo_evaluation import Dataset, evaluate, open_dataset
from zoo_evaluation.datasets import DatasetError, LabelFileSample
from zoo_segmentation.prediction import Segmentation
from zoo_training import Batch, Recipe, train
from zoo_training.tasks.segmentation import SegmentationTraining


def entry(resize_size: int | None = 64) -> WeightsEnum:
    enum: Any = WeightsEnum
    weights = Weights("", lambda: SemanticSegmentation(resize_size=resize_size), {"categories": list(CATEGORIES)})
    member: WeightsEnum = enum("Drawn", {"DEFAULT": weights})["DEFAULT"]
    return member


def drawn(tmp_path: Path, number: int = 6) -> Dataset[Any]:
    write_label_maps(tmp_path / "shapes", number)
    return open_dataset(tmp_path / "shapes", holds="label maps")


def training(tmp_path: Path, recipe: Recipe | None = None, **preset: Any) -> SegmentationTraining:
    usual = Recipe(label_smoothing=0.0, color=0.0)
    return SegmentationTraining(drawn(tmp_path), recipe or usual, entry(**preset))


def maps(
    tmp_path: Path, labels: Sequence[NDArray[np.uint8]], categories: Sequence[str] = CATEGORIES
) -> Dataset[LabelFileSample]:
    """Write label maps beside grey images of 20 x 10 pixels, without the checks of a reader."""
    samples = []
    for number, each in enumerate(labels):
        image, file = tmp_path / f"{number}.jpg", tmp_path / f"{number}.png"
        Image.new("RGB", (20, 10)).save(image)
        Image.fromarray(each).save(file)
        samples.append(LabelFileSample(name=image.name, paths=(image,), labels=file))
    return Dataset(layout="drawn", root=tmp_path, samples=tuple(samples), categories=tuple(categories))


def full(*values: int) -> NDArray[np.uint8]:
    """Return a label map of 20 x 10 pixels with a column of each value, and the last one in the others."""
    labels = np.full((10, 20), values[-1], dtype=np.uint8)
    labels[:, : len(values)] = values
    return labels


def test_an_example_is_an_image_and_the_classes_of_its_pixels(tmp_path: Path) -> None:
    made = training(tmp_path)
    image, labels = made.example(made.dataset[0], torch.Generator().manual_seed(1))
    assert (image.shape, image.dtype) == ((3, 64, 64), torch.uint8)
    assert labels.shape == (64, 64)
    assert set(labels.unique().tolist()) <= {0, 1, 2, 3, 255}


def test_the_same_chance_gives_the_same_example(tmp_path: Path) -> None:
    made = training(tmp_path, Recipe(scale_jitter=1.0))
    first, again, other = (made.example(made.dataset[0], torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_without_chance_an_example_is_what_the_models_preprocessing_makes(tmp_path: Path) -> None:
    made = training(tmp_path, Recipe(flip=0.0, color=0.0, scale_jitter=0.0))
    sample = made.dataset[0]
    example = made.example(sample, torch.Generator())
    batch = made.batch(["0"], [example], torch.Generator())
    expected = made.preset(Image.open(sample.paths[0]))
    assert (batch.inputs[0] - expected).abs().mean() < 0.02
    assert batch.targets.dtype == torch.int64


def test_the_size_of_a_recipe_is_that_of_the_saved_models_preprocessing(tmp_path: Path) -> None:
    made = training(tmp_path, Recipe(size=48))
    assert made.preset.resize_size == [48]
    assert made.example(made.dataset[0], torch.Generator())[1].shape == (48, 48)


def test_images_keep_their_size_where_the_preprocessing_does(tmp_path: Path) -> None:
    made = training(tmp_path, Recipe(flip=0.0, scale_jitter=0.0), resize_size=None)
    _, labels = made.example(made.dataset[0], torch.Generator())
    assert int((labels != 255).sum()) == SIDE**2


class Fixed(nn.Module):
    """Gives the same scores, whatever the image."""

    def __init__(self, **outputs: Tensor) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return self.outputs


def losses(tmp_path: Path, targets: Tensor, **outputs: Tensor) -> dict[str, float]:
    found = training(tmp_path).loss(Fixed(**outputs), Batch(("a",), torch.zeros(1, 3, 2, 2), targets))
    return {name: float(value) for name, value in found.items()}


def test_pixels_that_do_not_count_add_nothing_to_the_loss(tmp_path: Path) -> None:
    scores = torch.randn(1, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[[1, 255], [255, 3]]])
    expected = nn.functional.cross_entropy(scores[0, :, [0, 1], [0, 1]].T, torch.tensor([1, 3]))
    assert losses(tmp_path, targets, out=scores)["loss"] == pytest.approx(float(expected))


def test_a_part_of_which_nothing_is_known_has_no_loss(tmp_path: Path) -> None:
    assert losses(tmp_path, torch.full((1, 2, 2), 255), out=torch.randn(1, 4, 2, 2)) == {"loss": 0.0}


def test_the_auxiliary_classifier_counts_half(tmp_path: Path) -> None:
    scores = torch.randn(1, 4, 2, 2)
    found = losses(tmp_path, torch.zeros(1, 2, 2, dtype=torch.int64), out=scores, aux=scores)
    assert found["auxiliary"] == pytest.approx(0.5 * found["loss"])


def test_label_maps_that_fit_have_nothing_to_say(tmp_path: Path) -> None:
    dataset = drawn(tmp_path, 12)
    assert SegmentationTraining.check(dataset, dataset) == []


def test_a_class_that_never_occurs_is_named(tmp_path: Path) -> None:
    train_set = maps(tmp_path, [full(0, 1, 3, 255)])
    (told,) = SegmentationTraining.check(train_set, train_set)
    assert told.startswith("No pixel to train on is of square:")


def test_a_class_that_is_not_kept_for_validation_is_named(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    train_set, held_out = maps(tmp_path, [full(0, 1, 2, 3)]), maps(tmp_path / "other", [full(0, 1, 2)])
    assert SegmentationTraining.check(train_set, held_out) == ["No pixel of triangle is kept for validation."]


@pytest.mark.parametrize(
    ("labels", "categories", "told"),
    [
        ([full(0, 1), full(0, 7)], CATEGORIES, r"1 of 2 images .* pixels of class 7, and there are 4 classes"),
        ([full(0, 1)[:, :19]], CATEGORIES, r"has 19 x 10 pixels, its image 20 x 10"),
        ([full(2)], CATEGORIES, r"fewer than two classes \(square\)"),
        ([full(255)], CATEGORIES, r"none: all pixels are 255"),
        ([full(0)], ["object"], r"has one class, object: .* background"),
    ],
)
def test_label_maps_that_cannot_be_trained_on_are_refused(
    tmp_path: Path, labels: Sequence[NDArray[np.uint8]], categories: Sequence[str], told: str
) -> None:
    dataset = maps(tmp_path, labels, categories)
    with pytest.raises(DatasetError, match=f"(?s){told}"):
        SegmentationTraining.check(dataset, dataset)


def test_an_image_that_cannot_be_read_is_named_before_training(tmp_path: Path) -> None:
    dataset = maps(tmp_path, [full(0, 1), full(0, 2)])
    (tmp_path / "1.jpg").write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"1\.jpg cannot be read as an image"):
        SegmentationTraining.check(dataset, dataset)


def test_few_images_are_seen_more_often() -> None:
    few, many = (SegmentationTraining.usual_recipe(count) for count in (50, 5000))
    assert few.epochs > 10 * many.epochs
    assert few.batch_size < many.batch_size


def test_a_trained_network_is_a_model_that_predicts_and_is_measured(tmp_path: Path) -> None:
    write_label_maps(tmp_path / "shapes", 8)
    recipe = {"size": 32, "epochs": 2, "batch_size": 3, "color": 0.0}
    run = train(
        "lraspp_mobilenet_v3_large", tmp_path / "shapes", recipe, output=tmp_path / "run", weights=None, workers=0
    )
    weights = get_model_weights(run.name)["DEFAULT"]
    assert weights.meta["categories"] == list(CATEGORIES)
    assert weights.transforms().resize_size == [32]
    assert sorted(run.metrics) == ["miou", "pixel_acc"]
    best = max(run.epochs, key=lambda row: row["metrics"]["miou"])
    assert run.metrics == best["metrics"]
    (found,) = predict([tmp_path / "shapes" / "images" / "000.png"], model=run.name)
    assert isinstance(found, Segmentation)
    assert found.labels.size == (SIDE, SIDE)
    record = evaluate(run.name, tmp_path / "shapes")
    assert 0 <= record["miou"] <= 100
    assert get_model(run.name).classifier.low_classifier.out_channels == len(CATEGORIES)
