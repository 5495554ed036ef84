"""Mixing the images of a batch with each other."""

import math

import torch
from torch import Tensor

from zoo_training._randomness import happens, uniform


def mix_batch(
    images: Tensor, targets: Tensor, generator: torch.Generator, *, mixup: float = 0.0, cutmix: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Mix the images of each pair of a batch, and what is true of them in the same proportion.

    Pairs are the first two images, the next two, and so on; of an odd number, the last is left as it is.

    mixup: Hongyi Zhang et al., 2018, arXiv:1710.09412. CutMix: Sangdoo Yun et al., 2019, arXiv:1905.04899. With both,
    each batch gets one of them, by chance.

    Args:
        images: `(N, C, H, W)`, floating point.
        targets: Probabilities of the classes, `(N, classes)`.
        generator: Of the chance.
        mixup: Alpha of the beta distribution that tells how much of each; 0 for no mixup.
        cutmix: Likewise.

    Example:
        >>> import torch
        >>> from zoo_training.augmentation import mix_batch
        >>> images, targets = mix_batch(torch.rand(4, 3, 8, 8), torch.eye(4), torch.Generator(), mixup=0.2)
        >>> targets.sum(dim=1)
        tensor([1., 1., 1., 1.])
    """
    if not (mixup or cutmix):
        return images, targets
    pastes = bool(cutmix) and (not mixup or happens(0.5, generator))
    kept = _beta(cutmix if pastes else mixup, generator)
    order = torch.arange(len(images)) ^ 1
    order.clamp_(max=len(images) - 1)
    if not pastes:
        return torch.lerp(images[order], images, kept), torch.lerp(targets[order], targets, kept)
    height, width = images.shape[-2:]
    share = math.sqrt(1 - kept)
    y, x = uniform(0, height, generator), uniform(0, width, generator)
    top, bottom = (int(min(max(y + half * share * height, 0), height)) for half in (-0.5, 0.5))
    left, right = (int(min(max(x + half * share * width, 0), width)) for half in (-0.5, 0.5))
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images[order][..., top:bottom, left:right]
    kept = 1 - (bottom - top) * (right - left) / (height * width)
    return mixed, torch.lerp(targets[order], targets, kept)


def _beta(alpha: float, generator: torch.Generator) -> float:
    """Return a number of the beta distribution of (alpha, alpha), by Jöhnk's method."""
    while True:
        first = float(torch.rand((), generator=generator, dtype=torch.float64)) ** (1 / alpha)
        second = float(torch.rand((), generator=generator, dtype=torch.float64)) ** (1 / alpha)
        if 0 < first + second <= 1:
            return float(first / (first + second))
