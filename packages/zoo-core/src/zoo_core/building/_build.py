"""Builds models: the one helper behind every builder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import torch
from torch import nn

from zoo_core._weights import WeightsEnum
from zoo_core.checkpoints import read_state_dict
from zoo_core.files import ResolvedFile, resolve

from ._deferred import DeferredInitialization
from ._load import load_checkpoint

P = ParamSpec("P")
M = TypeVar("M", bound=nn.Module)

_without_files: ContextVar[bool] = ContextVar("without_files", default=False)


def build(
    model_class: Callable[..., M], *args: Any, weights: WeightsEnum | str | None, progress: bool, **kwargs: Any
) -> M:
    """Build a model, and load weights into it without initialising what they replace.

    Args:
        model_class: A network's class, or any function that returns the network.
        *args: Its arguments.
        weights: A member, as the decorator `builder` has verified it, or `None` for an initialised model.
        progress: Show a bar on stderr while downloading.
        **kwargs: More arguments. `num_classes` defaults to that of the weights; another number gives a classifier
            that is freshly initialised, and everything else from the file.

    Returns:
        The model, in training mode, equal bit by bit to one that was built, initialised, and loaded.

    Raises:
        WeightsUnavailableError: No source has the file.
        CheckpointError: It cannot be read or does not fit.
    """
    if weights is None:
        return model_class(*args, **kwargs)
    if not isinstance(weights, WeightsEnum):
        raise TypeError(f"Expected a member of a weights enum, found {weights!r}: is the builder decorated?")
    categories = weights.meta.get("categories")
    if categories is not None:
        kwargs.setdefault("num_classes", len(categories))
    found = fetch(weights, progress=progress)
    if found is None:
        return model_class(*args, **kwargs)
    with DeferredInitialization() as deferred:
        model = model_class(*args, **kwargs)
    with found.unchanged() as path:
        state = read_state_dict(path, map_location=_device_of(model))
        load_checkpoint(model, state, source=str(weights), initialiser=deferred)
    return model


def fetch(weights: WeightsEnum, *, progress: bool) -> ResolvedFile | None:
    """Return the verified local file of a weights entry, or `None` inside `without_files`."""
    return None if _without_files.get() else resolve(weights.file, progress=progress)


def _device_of(model: nn.Module) -> torch.device:
    """Return where the model was built: the default device, `with torch.device(...)` too, counts as it always does."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


@contextmanager
def without_files() -> Iterator[None]:
    """Inside, builders build what the weights imply (classes, forced arguments), but initialised: no file is touched.

    For tests, and to look at an architecture without its download.

    Example:
        >>> with without_files():  # doctest: +SKIP
        ...     model = resnet50(weights="DEFAULT")
    """
    token = _without_files.set(True)
    try:
        yield
    finally:
        _without_files.reset(token)
