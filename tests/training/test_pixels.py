"""Decoded images are kept in a file, and are the same with and without it."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core import get_model_weights
from zoo_core.images import read_image
from zoo_evaluation import open_dataset
from zoo_training import _pixels
from zoo_training._pixels import needed_side, pixel_cache, read_pixels
from zoo_training._randomness import generator_of
from zoo_training._recipe import Recipe
from zoo_training.augmentation import Scene, random_resized_crop
from zoo_training.augmentation._crops import random_part
from zoo_training.tasks.classification import ClassificationTraining


@pytest.fixture
def paths(tmp_path):
    """A large JPEG file, one that lies on its side, a small PNG file, and one that is none."""
    picture = Image.effect_noise((100, 75), 60).convert("RGB").resize((400, 300), Image.Resampling.BICUBIC)
    for folder in ("one", "two"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    large, turned = tmp_path / "data" / "one" / "large.jpg", tmp_path / "data" / "one" / "turned.jpg"
    picture.save(large, quality=95)
    orientation = Image.Exif()
    orientation[0x0112] = 6
    picture.save(turned, quality=95, exif=orientation)
    small = tmp_path / "data" / "two" / "small.png"
    picture.resize((31, 20)).save(small)
    return [large, turned, small]


def test_images_are_no_larger_than_needed(paths):
    shapes = [tuple(read_pixels(path, 64).shape) for path in paths]
    assert shapes == [(3, 64, 85), (3, 85, 64), (3, 20, 31)]


def test_a_shrunk_image_looks_as_the_whole_one_does(paths):
    expected = np.asarray(read_image(paths[0]).resize((85, 64), Image.Resampling.BILINEAR), np.float32)
    found = read_pixels(paths[0], 64).permute(1, 2, 0).numpy()
    assert np.abs(found - expected).mean() < 4


@pytest.mark.parametrize("crop", [0.08, 0.35, 1.0])
def test_no_crop_is_enlarged_that_would_not_be_otherwise(crop):
    side = needed_side((224, 160), crop)
    narrowest = (crop * side * side * 3 / 4) ** 0.5
    assert narrowest >= 224 > narrowest - 2


@pytest.mark.parametrize("shape", [(10, 60), (60, 10), (30, 30)])
def test_a_crop_of_all_is_the_whole_image(shape):
    for seed in range(20):
        assert random_part(*shape, torch.Generator().manual_seed(seed), least=1.0) == (0, 0, *shape)
    image = torch.arange(shape[0] * shape[1], dtype=torch.int32).remainder(251).to(torch.uint8).reshape(1, *shape)
    scene = Scene(image=image)
    whole = random_resized_crop(scene, (16, 16), torch.Generator(), least=1.0)
    assert torch.equal(whole.image, scene.resize(16, 16).image)


def test_the_cache_gives_what_is_read(paths, tmp_path):
    with pixel_cache(tmp_path, paths, 64) as cache:
        for _ in range(2):
            for place, path in enumerate(paths):
                assert torch.equal(cache.read(place, path), read_pixels(path, 64))


def test_an_image_is_decoded_once(paths, tmp_path, monkeypatch):
    with pixel_cache(tmp_path, paths, 64) as cache:
        kept = [cache.read(place, path) for place, path in enumerate(paths)]
        monkeypatch.setattr(_pixels, "read_pixels", None)
        assert all(torch.equal(cache.read(place, path), kept[place]) for place, path in enumerate(paths))


def test_processes_share_the_cache(paths, tmp_path, monkeypatch):
    with pixel_cache(tmp_path, paths, 64) as cache:
        kept = cache.read(0, paths[0])
        other = pickle.loads(pickle.dumps(cache))
        monkeypatch.setattr(_pixels, "read_pixels", None)
        assert torch.equal(other.read(0, paths[0]), kept)


def test_what_is_read_from_the_cache_may_be_changed(paths, tmp_path):
    with pixel_cache(tmp_path, paths, 64) as cache:
        expected = cache.read(2, paths[2]).clone()
        cache.read(2, paths[2]).zero_()
        assert torch.equal(cache.read(2, paths[2]), expected)


def test_the_file_goes_in_the_end(paths, tmp_path):
    before = set(tmp_path.iterdir())
    with pixel_cache(tmp_path, paths, 64):
        assert set(tmp_path.iterdir()) != before
    assert set(tmp_path.iterdir()) == before


def test_what_does_not_fit_is_not_kept(paths, tmp_path, monkeypatch):
    monkeypatch.setattr(_pixels, "MOST_BYTES", 1000)
    with pixel_cache(tmp_path, paths, 64) as cache:
        assert cache is None


def test_without_room_on_the_disk_nothing_is_kept(paths, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_pixels.os, "posix_fallocate", full, raising=False)
    with pixel_cache(tmp_path, paths, 64) as cache:
        assert cache is None


def test_a_file_that_is_no_image_is_told_of_when_it_is_read(paths, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    with pixel_cache(tmp_path, [*paths, bad], 64) as cache, pytest.raises(ValueError, match=r"bad\.png"):
        cache.read(3, bad)


def test_examples_are_the_same_with_and_without_the_cache(paths, tmp_path):
    weights = get_model_weights("shufflenet_v2_x0_5_digits").DEFAULT
    training = ClassificationTraining(open_dataset(tmp_path / "data"), Recipe(), weights)

    def examples():
        return [training.example(sample, generator_of(0, place))[0] for place, sample in enumerate(training.dataset)]

    plain = examples()
    with training.caching(tmp_path):
        assert all(torch.equal(*pair) for pair in zip(plain, [*examples(), *examples()][-len(plain) :], strict=True))
