"""Puts the tensors of a checkpoint into a model, without copying them."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import chain

import torch
from torch import Tensor, nn

from zoo_core.errors import CheckpointError

from ._deferred import DeferredInitialization

logger = logging.getLogger("zoo")

Fit = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
"""What makes of a state one that fits."""


def load_checkpoint(
    model: nn.Module,
    state: Mapping[str, Tensor],
    *,
    source: str,
    initialiser: DeferredInitialization | None = None,
    may_resize: bool = True,
) -> None:
    """Make the tensors of `state` the model's own. Afterwards the model is what `load_state_dict` would have made it.

    A classifier for another number of classes than the checkpoint's stays as initialised, and a line in the log says
    so; anything else that does not fit is an error.

    Args:
        model: Its attribute `classifiers` names the modules whose shape depends on the number of classes, `auxiliaries`
            those that files hold and a model may have been built without: they are then left out. If it has a method
            `fit_checkpoint`, this gets the state, and returns one that fits the model as it was built.
        state: Tensors by name. The model takes them over: they must not be used elsewhere. What is no tensor (int8
            layers keep tuples and dtypes) is left to the model's modules.
        source: What the checkpoint is called in messages.
        initialiser: What the model was built under, if its initialisation was deferred.
        may_resize: Whether a classifier may have another number of classes.

    Raises:
        CheckpointError: Tensors are missing, unexpected, or of another shape; the message names them.
    """
    own = model.state_dict(keep_vars=True)
    expected = {name: (tensor.dtype, tensor.shape) for name, tensor in own.items() if isinstance(tensor, Tensor)}
    for name in expected:
        if name in state and not isinstance(state[name], Tensor):
            raise CheckpointError(f"{source} holds a {type(state[name]).__name__} as {name}, which should be a tensor.")
    fit: Fit | None = getattr(model, "fit_checkpoint", None)
    fitted = state if fit is None else fit(state)
    fresh = _resized_classifiers(model, fitted, expected) if may_resize else set[str]()
    unused = fresh | _left_out(model, fitted)
    kept = OrderedDict((name, tensor) for name, tensor in fitted.items() if name not in unused)
    if hasattr(state, "_metadata"):  # where load_state_dict finds the modules' versions
        kept._metadata = state._metadata  # type: ignore[attr-defined]
    _assign(model, kept, fresh, source)
    if initialiser is not None:
        initialiser.finish([parameter for name, parameter in model.named_parameters() if name in fresh])
    _restore_form(model, expected)
    if fresh:
        logger.warning("%s: %s kept as initialised, for another number of classes", source, ", ".join(sorted(fresh)))


def _resized_classifiers(
    model: nn.Module, state: Mapping[str, Tensor], expected: Mapping[str, tuple[torch.dtype, torch.Size]]
) -> set[str]:
    """Return the names under `model.classifiers` that the checkpoint has in another shape."""
    classifiers = _prefixes(model, "classifiers")
    return {
        name
        for name, (_, shape) in expected.items()
        if name.startswith(classifiers) and name in state and state[name].shape != shape
    }


def _left_out(model: nn.Module, state: Mapping[str, Tensor]) -> set[str]:
    """Return the names under those of `model.auxiliaries` that the model was built without."""
    absent = [name for name in getattr(model, "auxiliaries", ()) if getattr(model, name, None) is None]
    return {name for name in state if name.startswith(tuple(f"{each}." for each in absent))}


def _prefixes(model: nn.Module, attribute: str) -> tuple[str, ...]:
    return tuple(f"{name}." for name in getattr(model, attribute, ()))


def _assign(model: nn.Module, state: Mapping[str, Tensor], fresh: set[str], source: str) -> None:
    try:
        result = model.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:  # shapes that differ; the text lists them
        raise CheckpointError(f"{source} does not fit {type(model).__name__}: {error}") from None
    except KeyError as error:  # what int8 layers say
        raise CheckpointError(f"{source} does not fit {type(model).__name__}: missing {error}.") from None
    missing = [name for name in result.missing_keys if name not in fresh]
    if missing or result.unexpected_keys:
        raise CheckpointError(
            f"{source} does not fit {type(model).__name__}: "
            f"missing {_named(missing)}; unexpected {_named(result.unexpected_keys)}."
        )


def _restore_form(model: nn.Module, expected: Mapping[str, tuple[torch.dtype, torch.Size]]) -> None:
    """Convert tensors that a file holds in another dtype (some in float16) or not contiguous, as copying would have."""
    with torch.no_grad():
        for name, tensor in chain(model.named_parameters(), model.named_buffers()):
            is_laid_out = tensor.is_contiguous() or tensor.dtype == torch.int8  # these are packed before they are used
            if name in expected and (tensor.dtype != expected[name][0] or not is_laid_out):
                tensor.data = tensor.data.to(expected[name][0]).contiguous()


def _named(names: list[str], shown: int = 8) -> str:
    if not names:
        return "nothing"
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
