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
    """Return a number of the beta distribution of (alpha, alpha), exactly, after few random numbers for any alpha."""
    if alpha <= _MOST_OF_JOEHNK:
        return _joehnk(alpha, generator)
    first, second = _gamma(alpha, generator), _gamma(alpha, generator)
    return first / (first + second)


_MOST_OF_JOEHNK = 4.0
"""So far Jöhnk's method needs 70 tries at most, on average; they grow by a factor of four with each one more."""


def _joehnk(alpha: float, generator: torch.Generator) -> float:
    """Return a number of the beta distribution (M. D. Jöhnk, 1964)."""
    while True:
        first, second = (float(torch.rand((), generator=generator, dtype=torch.float64)) for _ in range(2))
        power: float = first ** (1 / alpha)
        total: float = power + second ** (1 / alpha)
        if 0 < total <= 1:
            return power / total
        if not total and first and second:  # too small for a number: what counts is their ratio
            return 1 / (1 + math.exp(min(math.log(second / first) / alpha, _MOST_EXPONENT)))


_MOST_EXPONENT = 700.0
"""Of e, with a result that is still a number."""


def _gamma(alpha: float, generator: torch.Generator) -> float:
    """Return a number of the gamma distribution of a shape of at least 1, but for a constant factor.

    George Marsaglia and Wai Wan Tsang, 2000, doi:10.1145/358407.358414: more than 95 of 100 tries succeed.
    """
    shape = alpha - 1 / 3
    while True:
        normal = float(torch.randn((), generator=generator, dtype=torch.float64))
        root = normal / math.sqrt(9 * shape)
        chance = float(torch.rand((), generator=generator, dtype=torch.float64))
        if root <= -1:
            continue
        cube: float = (1 + root) ** 3
        if math.log(1 - chance) < normal**2 / 2 + shape * (1 - cube + 3 * math.log1p(root)):
            return cube
