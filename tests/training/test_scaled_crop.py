"""Label maps stay with their images when both are scaled and cut."""

import pytest
import torch
from torch import Tensor

from zoo_training.augmentation import Scene, jitter_color, random_scaled_crop

COLOURS = torch.tensor([[30, 200, 30], [220, 20, 40], [20, 40, 220]], dtype=torch.uint8)
"""Of the classes."""


def draw(height: int = 60, width: int = 90) -> Scene:
    """Draw a disc and a bar; each class has its colour."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    labels = torch.zeros(height, width, dtype=torch.uint8)
    labels[(rows - 22) ** 2 + (columns - 30) ** 2 < 15**2] = 1
    labels[:, 60:75] = 2
    return Scene(image=COLOURS[labels.long()].permute(2, 0, 1), label_map=labels)


def classes_of(image: Tensor) -> Tensor:
    """Find the class of each pixel by its colour; 255 where it is black."""
    distances = (image[None].float() - COLOURS[:, :, None, None].float()).abs().sum(dim=1)
    return torch.where(image.sum(dim=0, dtype=torch.int32) < 40, 255, distances.argmin(dim=0)).to(torch.uint8)


def agreement(scene: Scene) -> float:
    assert scene.label_map is not None
    return float((classes_of(scene.image) == scene.label_map).float().mean())


@pytest.mark.parametrize("seed", range(12))
def test_each_pixel_keeps_its_class(seed: int) -> None:
    scene = random_scaled_crop(draw(), (64, 48), torch.Generator().manual_seed(seed), usual=(64, 96), jitter=1.0)
    assert scene.image.shape == (3, 64, 48)
    assert agreement(scene) > 0.94
    assert agreement(scene.flip()) == agreement(scene)


def test_what_is_beyond_the_image_does_not_count() -> None:
    scene = random_scaled_crop(draw(), (128, 128), torch.Generator().manual_seed(0), usual=(64, 96), jitter=0.0)
    assert scene.label_map is not None
    outside = scene.label_map == 255
    assert outside.float().mean() == pytest.approx(1 - 64 * 96 / 128**2, abs=0.02)
    assert scene.image[:, outside].float().mean() < 3


def test_the_whole_scene_has_its_usual_size_without_jitter() -> None:
    scene = random_scaled_crop(draw(), (64, 96), torch.Generator().manual_seed(0), usual=(64, 96), jitter=0.0)
    assert torch.equal(scene.image, draw().resize(64, 96).image)


def test_scenes_grow_as_often_as_they_shrink() -> None:
    shares = []
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        scene = random_scaled_crop(draw(60, 60), (40, 40), generator, usual=(20, 20), jitter=1.0)
        shares.append(float((scene.label_map != 255).float().mean()) ** 0.5 * 2)
    scales = torch.tensor(shares)
    assert scales.min() < 0.6
    assert scales.max() > 1.8
    assert (scales > 1).float().mean() == pytest.approx(0.5, abs=0.1)


def test_the_frames_of_a_clip_change_alike() -> None:
    frame = draw().image
    clip = Scene(image=frame.expand(5, -1, -1, -1)).crop(-3, 4, 50, 70).resize(32, 40).flip()
    alone = Scene(image=frame).crop(-3, 4, 50, 70).resize(32, 40).flip()
    assert clip.image.shape == (5, 3, 32, 40)
    changed = jitter_color(clip.image, 0.4, torch.Generator().manual_seed(2))
    expected = jitter_color(alone.image, 0.4, torch.Generator().manual_seed(2))
    assert (changed.int() - expected.int()).abs().max() <= 1
