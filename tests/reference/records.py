"""Reads the reference records, and builds the models that they were taken of.

`layouts/<model>.json` and `outputs/<model>.json` are lists of records; `"for"` names the weights members that a record
holds for, `"none"` standing for a model without weights. `checkpoints/<model>.json` is likewise what a published file
holds, where that is not the state of the model built with it. `noise.json` tells what rounding alone does to outputs.
Quantized models compute in floats without weights, and in int8 with their members, whose outputs are in `quantized/`.

A record of a layout or an output may have the builder's `"kwargs"`. What `"input"` may be says `inputs_of`, what
`"output"` may be says `reference.agreement`. Of detection models, `"scaled_weights"` are parameters to multiply so that
the scores are spread, and `"training"` has the losses; `"in_place"` is the share of the detections that come in the
recorded order, where rounding alone reorders them.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from _pytest.mark import ParameterSet
from torch import Tensor, nn

from zoo_core import get_model_builder, get_model_weights
from zoo_core._packages import built_in_packages
from zoo_core._registry import task_of
from zoo_core.building import without_files

from .fill import calibrate_, fill_, image_batch, unit_image

FOLDER = Path(__file__).parent
LARGE = 60_000_000
"""Parameters above which running a model is slow."""
MIDDLING = 20_000_000
"""Parameters above which running a model again takes its time."""
BUSY = "rcnn_resnet50"
"""In the names of models that are slow to run whatever their size: they look at a thousand boxes of each image."""


def built_in_models() -> dict[str, str | None]:
    """Return the registered models with the names of their weights enums; plug-ins bring references of their own."""
    return {entry.name: entry.weights for package in built_in_packages() for entry in package.models}


def registered() -> set[tuple[str, str]]:
    """Return every built-in model with `"none"` and each of its members."""
    return {(model, member) for model, weights in built_in_models().items() for member in _members(model, weights)}


def is_int8(model: str, member: str) -> bool:
    """Tell whether a model computes as int8 with that member."""
    return member != "none" and not task_of(model).optimizable


def recorded(kind: str) -> set[tuple[str, str]]:
    """Return the models and members that there are records of in the folder `kind`."""
    names = (path.stem for path in (FOLDER / kind).glob("*.json"))
    return {(name, member) for name in names for record in _read(kind, name) for member in record["for"]}


def record_of(kind: str, model: str, member: str) -> dict[str, Any]:
    """Return the one record for a model and member."""
    (record,) = (record for record in _read(kind, model) if member in record["for"])
    return record


def cases(kind: str = "outputs", *, slow_if_large: bool, slow_if_again: bool = False) -> list[ParameterSet]:
    """Return what there are records of in the folder `kind`, as parameters for tests.

    Args:
        kind: The folder.
        slow_if_large: Mark models that are slow to run.
        slow_if_again: Mark members, too, that are another name for what the record holds for, of models of some size.
    """
    return [
        pytest.param(
            model,
            member,
            id=f"{model}-{member}",
            marks=[pytest.mark.slow]
            * ((slow_if_large and _is_large(model)) or (slow_if_again and _is_again(kind, model, member))),
        )
        for model, member in sorted(recorded(kind))
    ]


def build_as(model: str, member: str, **kwargs: Any) -> nn.Module:
    """Build a model as its builder does with that member, initialised instead of loaded."""
    if member != "none":
        kwargs |= task_of(model).arguments
    with without_files():
        return get_model_builder(model)(weights=None if member == "none" else member, **kwargs)


def inputs_of(record: dict[str, Any]) -> tuple[Any, ...]:
    """Return the positional arguments of the forward pass that a record is of."""
    ((kind, shape),) = record["input"].items()
    return _INPUTS[kind](shape)


_INPUTS: dict[str, Callable[[list[Any]], tuple[Any, ...]]] = {
    "image_batch": lambda shape: (image_batch(tuple(shape)),),
    "image_pair": lambda shape: tuple(unit_image(tuple(shape), seed) * 2 - 1 for seed in (0, 1)),
    "images": lambda shapes: ([unit_image(tuple(shape), seed) for seed, shape in enumerate(shapes)],),
}
"""What a model is called with: a batch of images or clips, two batches of images in [-1, 1), or a list of images."""


def prepare_(network: nn.Module, record: dict[str, Any]) -> nn.Module:
    """Give a network, ours or another with the same state, the parameters that a record is of. Ends in eval."""
    calibrate_(fill_(network), *inputs_of(record))
    with torch.no_grad():
        for name, factor in record.get("scaled_weights", {}).items():
            network.get_parameter(name).mul_(factor)
    return network


def spread_scores_(network: nn.Module) -> nn.Module:
    """Draw apart the scores of a RetinaNet, ours or another, that `prepare_` has filled.

    The best are so near to 1 that many are the same in single precision, and rounding decides which comes first.
    """
    if type(network).__name__ == "RetinaNet":
        with torch.no_grad():
            network.get_parameter("head.classification_head.cls_logits.weight").mul_(0.25)
    return network


def form(value: Tensor | torch.dtype | tuple[Tensor, ...]) -> str:
    """Write the dtype and shape of what a state dict holds, as the records do."""
    if isinstance(value, torch.dtype):
        return str(value)
    if isinstance(value, tuple):
        return ", ".join(map(form, value))
    return " ".join([str(value.dtype).removeprefix("torch."), *map(str, value.shape)])


def noise(model: str) -> float:
    """Return the relative error that float32 rounding alone makes in the model's recorded output, where it is known."""
    return float(json.loads((FOLDER / "noise.json").read_text()).get(model, 0.0))


def tolerance(model: str) -> float:
    """Return by how many standard deviations outputs may differ from the recorded ones."""
    return max(1e-3, 10 * noise(model))


@cache
def _read(kind: str, model: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads((FOLDER / kind / f"{model}.json").read_text())
    return records


def _is_large(model: str) -> bool:
    return BUSY in model or bool(_read("outputs", model)[0]["num_params"] > LARGE)


def _is_again(kind: str, model: str, member: str) -> bool:
    record = record_of(kind, model, member)
    return bool(record["for"][0] != member and record["num_params"] > MIDDLING)


def _members(model: str, weights: str | None) -> list[str]:
    return ["none", *(member.name for member in get_model_weights(model))] if weights else ["none"]
