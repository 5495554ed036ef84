"""How models of torchvision and of zoo are built and called alike, for the benchmarks that compare them."""

import inspect
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
import torchvision
from torch import nn
from torchvision.models import WeightsEnum

from reference.fill import image_batch, unit_image
from reference.records import build_as, prepare_, record_of
from zoo_core import get_model, get_model_builder, get_model_weights
from zoo_core._registry import get_model_entry


def arguments(name: str) -> dict[str, Any]:
    """Return what both builders take so that no weights are fetched, and no minute goes into initialising."""
    kwargs: dict[str, Any] = {"weights": None}
    if "weights_backbone" in inspect.signature(get_model_builder(name)).parameters:
        kwargs["weights_backbone"] = None
    if name in {"googlenet", "inception_v3"}:
        kwargs["init_weights"] = False
    return kwargs


def pair(name: str, **kwargs: Any) -> tuple[nn.Module, nn.Module]:
    """Build zoo's model as initialised, and torchvision's with synthetic parameters that all matter to the output."""
    kwargs = kwargs | arguments(name)
    ours = get_model(name, **kwargs).eval()
    return ours, prepare_(torchvision.models.get_model(name, **kwargs), record_of("outputs", name, "none"))


def trained_pair(name: str, **kwargs: Any) -> tuple[nn.Module, nn.Module]:
    """Build both models as their builders do with the default weights, with synthetic parameters in place of the file.

    That is another network than without weights where batch norm is frozen. The state is zoo's; torchvision has to take
    it.
    """
    member = get_model_weights(name)["DEFAULT"]
    ours = prepare_(build_as(name, member.name, **kwargs), record_of("outputs", name, member.name))
    with mock.patch.object(WeightsEnum, "get_state_dict", return_value=ours.state_dict()):
        return ours, torchvision.models.get_model(name, weights=member.name, **kwargs).eval()


def inputs_for(name: str, batch: int) -> tuple[Any, ...]:
    """Return what a model is called with at the size that its task is used at."""
    return _INPUTS[get_model_entry(name).task](name, batch)


def _crop(name: str) -> list[int]:
    """Return the height and width that the weights' preset cuts out."""
    height, *width = get_model_weights(name)["DEFAULT"].transforms().crop_size  # type: ignore[misc]
    return [height, *(width or [height])]


_INPUTS: dict[str, Callable[[str, int], tuple[Any, ...]]] = {
    "classification": lambda name, batch: (image_batch((batch, 3, *_crop(name))),),
    "segmentation": lambda _, batch: (image_batch((batch, 3, 520, 520)),),
    "detection": lambda _, batch: ([unit_image((3, 480, 640), seed) for seed in range(batch)],),
    "video": lambda name, batch: (image_batch((batch, 3, 16, *_crop(name))),),
    "optical_flow": lambda _, batch: tuple(unit_image((batch, 3, 368, 496), seed) * 2 - 1 for seed in (0, 1)),
}


def cases(name: str) -> list[tuple[int, torch.memory_format]]:
    """Return the batch sizes and memory layouts to measure a model with."""
    batches = (1, 8) if get_model_entry(name).task == "classification" else (1,)
    formats = [torch.contiguous_format]
    if all(isinstance(value, torch.Tensor) and value.ndim == 4 for value in inputs_for(name, 1)):
        formats.append(torch.channels_last)
    return [(batch, memory_format) for batch in batches for memory_format in formats]
