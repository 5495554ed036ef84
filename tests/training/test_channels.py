"""A model for grey images is trained further on grey images; other numbers of channels are refused."""

import pytest
import torch

from drawn_data import write_label_maps
from shapes import CATEGORIES
from zoo_core import Weights, WeightsEnum, get_model, get_model_weights, save_model
from zoo_core.transforms import ImageClassification, SemanticSegmentation, VideoClassification
from zoo_evaluation import EvaluationJob, open_dataset
from zoo_training import Recipe, prepare, train
from zoo_training._pixels import pixel_cache, read_pixels
from zoo_training.augmentation import jitter_color
from zoo_training.tasks.segmentation import SegmentationTraining
from zoo_training.tasks.video import VideoTraining

MODEL = "shufflenet_v2_x0_5_digits"
PRESETS = {
    count: ImageClassification(crop_size=32, resize_size=32, mean=(0.5,) * count, std=(0.5,) * count)
    for count in (1, 3, 4)
}
STILL = Recipe(flip=0.0, color=0.0, crop=1.0, scale_jitter=0.0, label_smoothing=0.0)


def saved(folder, channels, preset=None):
    """Save the model of digits for so many channels."""
    network = get_model(MODEL, weights="DEFAULT", in_chans=channels).eval()
    save_model(network, folder, preset=preset or PRESETS[channels], categories=[str(digit) for digit in range(10)])
    return f"local-dir:{folder}"


@pytest.mark.parametrize("recipe", [{}, {"freeze": "head", "views": 2}, {"mixup": 0.2, "cutmix": 0.2}])
def test_a_model_for_grey_images_is_trained_further(colours, tmp_path, recipe):
    grey = saved(tmp_path / "grey", 1)
    values = {"epochs": 2, "batch_size": 4, "precision": "float32", **recipe}
    run = train(grey, colours, values, output=tmp_path / "run", workers=0)
    assert get_model(run.name).eval()(torch.rand(1, 1, 32, 32)).shape == (1, 3)
    assert get_model_weights(run.name).DEFAULT.transforms().mean == [0.5]
    held_out = prepare(grey, colours).held_out
    assert EvaluationJob(model=run.name, dataset=held_out, workers=0).run()["acc@1"] == run.metrics["acc@1"]


def test_grey_is_that_of_the_preprocessing(colours, tmp_path):
    training = prepare(saved(tmp_path / "grey", 1), colours, STILL).training
    for sample in training.dataset:
        image, label = training.example(sample, torch.Generator())
        batch = training.batch([sample.name], [(image, label)], torch.Generator())
        torch.testing.assert_close(batch.inputs[0], training.plain(sample), rtol=0, atol=0)


def test_grey_images_are_kept_as_such(colours, tmp_path):
    paths = sorted(colours.rglob("*.png"))
    with pixel_cache(tmp_path, paths, 16, channels=1) as cache:
        for _ in range(2):
            for place, path in enumerate(paths):
                assert torch.equal(cache.read(place, path), read_pixels(path, 16, channels=1))


def test_colours_of_grey_images_change_as_those_of_colour_images_that_are_grey():
    grey = torch.randint(0, 256, (1, 9, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    one, three = (
        jitter_color(image, 0.5, torch.Generator().manual_seed(1)) for image in (grey, grey.expand(3, -1, -1))
    )
    assert (one != grey).any()
    assert (one.int() - three.int()).abs().max() <= 1


def test_images_of_other_channels_are_refused_before_training(colours, tmp_path):
    with pytest.raises(ValueError, match=r"in 1 \(grey\) or 3 \(colours\) channels, .* this model is for 4"):
        train(saved(tmp_path / "four", 4), colours, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_network_of_other_channels_than_its_preprocessing_is_refused(colours):
    with pytest.raises(ValueError, match=r"of 1 channels \(in_chans\), and the preprocessing is for 3"):
        prepare(MODEL, colours, {"arguments": {"in_chans": 1}})


def entry(preset):
    return WeightsEnum("Some", {"DEFAULT": Weights("", lambda: preset, {"categories": list(CATEGORIES)})})["DEFAULT"]


def test_label_maps_are_learnt_in_grey_too(tmp_path):
    write_label_maps(tmp_path, 3)
    dataset = open_dataset(tmp_path, holds="label maps")
    preset = SemanticSegmentation(resize_size=64, mean=(0.5,), std=(0.5,))
    training = SegmentationTraining(dataset, STILL, entry(preset))
    image, _ = training.example(dataset[0], torch.Generator())
    assert image.shape == (1, 64, 64)
    with pytest.raises(ValueError, match="this model is for 2"):
        SegmentationTraining(dataset, STILL, entry(SemanticSegmentation(resize_size=64, mean=(0, 0), std=(1, 1))))


def test_videos_are_learnt_in_colours_alone(tmp_path):
    preset = VideoClassification(crop_size=16, resize_size=(18, 24), mean=(0.5,), std=(0.5,))
    with pytest.raises(ValueError, match=r"Files of videos are trained on in 3 \(colours\) channels"):
        VideoTraining((), STILL, entry(preset))
