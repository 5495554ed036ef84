"""Inputs to try models with."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

SIDE = 224
"""Height and width of the images, in pixels, for models that do not say which they want."""


def example_of(model: nn.Module) -> tuple[Any, ...]:
    """Return an input to try a model of zoo's with: one image, clip, or pair of images.

    Raises:
        ValueError: It is no model of zoo's.

    Example:
        >>> [tuple(tensor.shape) for tensor in example_of(resnet18())]  # doctest: +SKIP
        [(1, 3, 224, 224)]
    """
    package = type(model).__module__.partition(".")[0]
    if package not in _EXAMPLES:
        raise ValueError(
            f"{type(model).__name__} is not a model of zoo's: give an example, a tuple of what it is called with, "
            "as example=(torch.rand(1, 3, 224, 224),)."
        )
    first = next(model.parameters(), None)
    like = torch.empty(0) if first is None else first
    generator = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator).to(like.device, like.dtype if like.is_floating_point() else None)

    return _EXAMPLES[package](model, noise)


def _side(model: nn.Module) -> int:
    return int(getattr(model, "image_size", None) or SIDE)


_EXAMPLES: Mapping[str, Callable[[nn.Module, Callable[..., torch.Tensor]], tuple[Any, ...]]] = {
    "zoo_classification": lambda model, noise: (noise(1, 3, _side(model), _side(model)),),
    "zoo_segmentation": lambda model, noise: (noise(1, 3, SIDE, SIDE),),
    "zoo_detection": lambda model, noise: ([noise(3, 320, 320)],),
    "zoo_video": lambda model, noise: (noise(1, 3, *getattr(model, "clip_size", (16, SIDE, SIDE))),),
    "zoo_flow": lambda model, noise: (noise(1, 3, 128, 128), noise(1, 3, 128, 128)),
}
