"""The size of a recipe is that of the images which are trained on, measured with, and predicted."""

import pytest
import torch

from zoo_core import Weights, WeightsEnum, get_model, get_model_weights
from zoo_core.transforms import ImageClassification
from zoo_evaluation import EvaluationJob
from zoo_training import Recipe, prepare, train
from zoo_training.tasks.classification import ClassificationTraining

MODEL = "shufflenet_v2_x0_5_digits"
QUICK = {"epochs": 2, "batch_size": 4, "precision": "float32"}


class SomeWeights(WeightsEnum):
    V1 = Weights(
        "",
        lambda: ImageClassification(crop_size=224, resize_size=(256, 320)),
        {"categories": ["a"], "min_size": (64, 64)},
    )


def test_preprocessing_is_scaled_in_proportion(colours):
    dataset = prepare(MODEL, colours).training.dataset
    made = ClassificationTraining(dataset, Recipe(size=56), SomeWeights.V1)
    assert (made.preset.crop_size, made.preset.resize_size, made.size) == ([56, 56], [64, 80], (56, 56))
    assert made.example(dataset[0], torch.Generator())[0].shape == made.plain(dataset[0]).shape == (3, 56, 56)
    assert made.facts()["min_size"] == (56, 56)


@pytest.mark.parametrize("size", [0, 224])
def test_preprocessing_of_that_size_stays_as_it_is(colours, size):
    dataset = prepare(MODEL, colours).training.dataset
    made = ClassificationTraining(dataset, Recipe(size=size), SomeWeights.V1)
    assert str(made.preset) == str(SomeWeights.V1.transforms())
    assert made.facts()["min_size"] == (64, 64)


@pytest.mark.parametrize(
    "recipe",
    [
        {"size": 32},
        {"size": 32, "freeze": "head"},
        {"size": 32, "freeze": "head", "views": 2},
        {"size": 96, "freeze": "head", "views": 2},
    ],
)
def test_a_model_predicts_and_is_measured_at_the_size_of_its_training(colours, tmp_path, recipe):
    run = train(MODEL, colours, QUICK | recipe, output=tmp_path / "run", workers=0)
    size = recipe["size"]
    usual = get_model_weights(MODEL).DEFAULT.transforms()
    weights = get_model_weights(run.name).DEFAULT
    preset = weights.transforms()
    assert preset.crop_size == [size, size]
    assert preset.resize_size == [round(side * size / usual.crop_size[0]) for side in usual.resize_size]
    assert get_model(run.name).eval()(preset(torch.rand(1, 3, 40, 50))).shape == (1, 3)
    held_out = prepare(MODEL, colours).held_out
    assert EvaluationJob(model=run.name, dataset=held_out, workers=0).run()["acc@1"] == run.metrics["acc@1"]


@pytest.mark.parametrize("freeze", ["", "head"])
@pytest.mark.parametrize(
    ("model", "size", "text"),
    [
        ("vit_b_16", 128, r"VisionTransformer does not take images of 128 x 128 pixels: .*Expected 224 but got 128"),
        ("vit_b_16", 256, r"Expected 224 but got 256! Choose another size or, .* such as image_size"),
        ("maxvit_t", 128, r"MaxVit does not take images of 128 x 128 pixels: .*not divisible by partition size 7"),
        ("alexnet", 32, r"images should be at least 63 x 63 pixels, found 32 x 32"),
    ],
)
def test_a_size_that_a_network_does_not_take_is_refused_before_training(colours, tmp_path, model, size, text, freeze):
    recipe = {"size": size, "freeze": freeze}
    with pytest.raises(ValueError, match=text):
        train(model, colours, recipe, output=tmp_path / "run", weights=None)
    assert not (tmp_path / "run").exists()


def test_a_network_of_one_size_is_trained_at_another_where_its_builder_knows(colours):
    recipe = {"size": 64, "arguments": {"image_size": 64}}
    training = prepare("vit_b_16", colours, recipe).training
    assert (training.size, training.preset.crop_size, training.facts()["min_size"]) == ((64, 64), [64, 64], (64, 64))
    with pytest.raises(ValueError, match=r"224 x 224 pixels: .*Expected 64 but got 224"):
        prepare("vit_b_16", colours, {"arguments": {"image_size": 64}})


def test_networks_that_take_smaller_images_than_usual_are_trained_with_them(colours):
    assert prepare("swin_t", colours, {"size": 64}).training.facts()["min_size"] == (64, 64)
