"""Puts a network and its weights together, without initialising what a file replaces."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch
from torch import nn

from zoo_core._weights import WeightsEnum
from zoo_core.checkpoints import read_state_dict
from zoo_core.files import WeightsFile, resolve

from ._checkpoint_loading import load_checkpoint
from ._deferred import DeferredInitialization

M = TypeVar("M", bound=nn.Module)

_without_files: ContextVar[bool] = ContextVar("without_files", default=False)


def assemble(make: Callable[[], M], weights: WeightsEnum | None, *, progress: bool) -> M:
    """Make a network, and load weights into it.

    Args:
        make: Returns the network.
        weights: `None` for one that is initialised at random.
        progress: Show a bar on stderr while downloading.

    Returns:
        The network, in training mode, equal bit by bit to one that was made, initialised, and loaded.

    Raises:
        WeightsUnavailableError: No source has the file.
        CheckpointError: It cannot be read or does not fit.
    """
    return assemble_with(make, weights, progress=progress, may_resize=True)


def assemble_with(make: Callable[[], M], weights: WeightsEnum | None, *, progress: bool, may_resize: bool) -> M:
    """Do what `assemble` does.

    Args:
        make: Likewise.
        weights: Likewise.
        progress: Likewise.
        may_resize: Whether a classifier for another number of classes than the file's stays as initialised, or is an
            error as other layers that do not fit.
    """
    file = file_of(weights)
    if file is None:
        return make()
    with DeferredInitialization() as deferred:
        model = make()  # before anything is downloaded: what does not fit is said at once
    with resolve(file, progress=progress).unchanged() as path:
        state = read_state_dict(path, map_location=_device_of(model))
        load_checkpoint(model, state, source=str(weights), initialiser=deferred, may_resize=may_resize)
    return model


def file_of(weights: WeightsEnum | None) -> WeightsFile | None:
    """Return the file that a network gets its values from: none without weights, and none inside `without_files`."""
    return None if weights is None or _without_files.get() else weights.file


def _device_of(model: nn.Module) -> torch.device:
    """Return where the model was built: the default device, `with torch.device(...)` too, counts as it always does."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


@contextmanager
def without_files() -> Iterator[None]:
    """Inside, builders build what the weights imply (classes, forced arguments), but initialised: no file is touched.

    For tests, and to look at an architecture without its download.

    Example:
        >>> from zoo_core.building import without_files
        >>> from zoo_classification import resnet18
        >>> with without_files():
        ...     model = resnet18(weights="DEFAULT")
    """
    token = _without_files.set(True)
    try:
        yield
    finally:
        _without_files.reset(token)
