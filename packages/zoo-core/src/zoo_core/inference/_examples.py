"""Inputs to try models with."""

from typing import Any

import torch
from torch import Tensor, nn

from zoo_core._registry import tasks_of_class
from zoo_core._weights import WeightsEnum

SIDE = 224
"""Height and width of the images, in pixels, for models that do not say which they want."""


def example_of(model: nn.Module) -> tuple[Any, ...]:
    """Return an input to try a model of a zoo package with, as its task has it: one image, clip, or pair of images.

    Raises:
        ValueError: It is no such model, or one of a package whose models are called in several ways.

    Example:
        >>> from zoo_classification import resnet18
        >>> from zoo_core.inference import example_of
        >>> [tuple(tensor.shape) for tensor in example_of(resnet18())]
        [(1, 3, 224, 224)]
    """
    by_example = {task.example: task for task in tasks_of_class(type(model))}
    if len(by_example) != 1:
        raise ValueError(
            f"{type(model).__name__} is not a model of zoo's: give an example, a tuple of what it is called with, "
            "as example=(torch.rand(1, 3, 224, 224),)."
        )
    (task,) = by_example.values()
    return task.example_inputs(model)


def image_example(model: nn.Module, weights: WeightsEnum | None = None, count: int = 1) -> tuple[Tensor]:
    """Return a batch of images of the size that the weights' preset cuts out; one, of the model's, if it says none."""
    preset = None if weights is None else weights.transforms()
    if preset is None or not hasattr(preset, "crop_size"):
        side = int(getattr(model, "image_size", None) or SIDE)
        return (noise(model, 1, _image_channels(model), side, side),)
    from PIL import Image

    inputs: Tensor = preset(Image.effect_noise((256, 256), 64))
    return (inputs.to(_like(model).device).repeat(count, 1, 1, 1),)


def _image_channels(model: nn.Module) -> int:
    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    return 3 if first is None else first.in_channels


def noise(model: nn.Module, *shape: int) -> Tensor:
    """Return values in [0, 1), the same at every call, in the dtype and on the device of a model."""
    like = _like(model)
    values = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
    return values.to(like.device, like.dtype if like.is_floating_point() else None)


def _like(model: nn.Module) -> Tensor:
    first = next(model.parameters(), None)
    return torch.empty(0) if first is None else first
