"""Cutting out a part by chance, and enlarging it."""

import math

import torch

from zoo_training._randomness import uniform

from ._scene import Scene


def random_resized_crop(
    scene: Scene,
    size: tuple[int, int],
    generator: torch.Generator,
    *,
    least: float = 0.35,
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Scene:
    """Cut out a part of random size, place and proportions, and scale it (GoogLeNet, arXiv:1409.4842, section 6).

    Args:
        scene: The image.
        size: `(height, width)` afterwards, in pixels.
        generator: Of the chance.
        least: The least share of the area that is cut out; 1 for the whole image, whatever its proportions.
        ratio: Least and greatest width by height.

    Example:
        >>> import torch
        >>> from zoo_training.augmentation import Scene, random_resized_crop
        >>> scene = Scene(image=torch.zeros(3, 40, 60, dtype=torch.uint8))
        >>> random_resized_crop(scene, (16, 16), torch.Generator()).image.shape
        torch.Size([3, 16, 16])
    """
    part = random_part(scene.height, scene.width, generator, least=least, ratio=ratio)
    return scene.crop(*part).resize(*size)


def random_part(
    own_height: int,
    own_width: int,
    generator: torch.Generator,
    *,
    least: float = 0.35,
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> tuple[int, int, int, int]:
    """Choose the part that `random_resized_crop` cuts out of an image of that size: top, left, height, width."""
    if least >= 1:
        return 0, 0, own_height, own_width
    area = own_height * own_width
    for _ in range(10):
        share = uniform(least, 1.0, generator)
        shape = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1]), generator))
        width, height = round(math.sqrt(share * area * shape)), round(math.sqrt(share * area / shape))
        if 0 < width <= own_width and 0 < height <= own_height:
            break
    else:  # no such part fits: the largest in the middle that does
        width = min(own_width, round(own_height * ratio[1]))
        height = min(own_height, round(width / ratio[0]))
    return random_offset(own_height, height, generator), random_offset(own_width, width, generator), height, width


def random_scaled_crop(
    scene: Scene, size: tuple[int, int], generator: torch.Generator, *, usual: tuple[int, int], jitter: float = 1.0
) -> Scene:
    """Scale a scene by chance, and cut out a part of a fixed size, of which some may be beyond the scene.

    As networks for label maps are trained: Liang-Chieh Chen et al., 2017, arXiv:1706.05587, section 4.1.

    Args:
        scene: An image, with a label map if there is one.
        size: `(height, width)` afterwards, in pixels.
        generator: Of the chance.
        usual: Height and width of the whole scene when it is not scaled beyond that.
        jitter: It is scaled by 1 / (1 + jitter) to 1 + jitter.

    Example:
        >>> import torch
        >>> from zoo_training.augmentation import Scene, random_scaled_crop
        >>> scene = Scene(image=torch.zeros(3, 40, 60, dtype=torch.uint8))
        >>> random_scaled_crop(scene, (32, 32), torch.Generator(), usual=(20, 30)).image.shape
        torch.Size([3, 32, 32])
    """
    scale = random_scale(jitter, generator)
    height = max(1, round(size[0] / scale * scene.height / usual[0]))
    width = max(1, round(size[1] / scale * scene.width / usual[1]))
    top, left = random_offset(scene.height, height, generator), random_offset(scene.width, width, generator)
    return scene.crop(top, left, height, width).resize(*size)


def random_scale(jitter: float, generator: torch.Generator) -> float:
    """Return a factor between 1 / (1 + jitter) and 1 + jitter: growing is as probable as shrinking."""
    limit = math.log(1 + jitter)
    return math.exp(uniform(-limit, limit, generator))


def random_offset(whole: int, part: int, generator: torch.Generator) -> int:
    """Return where a part begins; one that is longer than the whole holds all of it."""
    low, high = sorted((0, whole - part))
    return low + int(uniform(0, high - low + 1, generator))
