"""Builds a saved model: its network as its builder made it, and the tensors of its file."""

from typing import TYPE_CHECKING, Any

from torch import nn

from zoo_core._registry import get_model_builder
from zoo_core.building import Origin, assemble_with, origin_of, remember_origin, without_files
from zoo_core.errors import SavedModelError

from ._config import WEIGHTS_NAME
from ._weights import SavedWeights

if TYPE_CHECKING:
    from ._model import SavedModel

_OF_ARGUMENTS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError, AssertionError)
"""What builders raise for arguments that do not fit them, whatever these are."""


def build(
    model: "SavedModel", *, weights: SavedWeights | str | None = "DEFAULT", progress: bool = True, **arguments: Any
) -> nn.Module:
    """Build a saved model.

    Args:
        model: The model.
        weights: `"DEFAULT"` for its own weights; `None` for a network that is initialised at random, its backbone, too.
        progress: Show a bar on stderr while downloading.
        **arguments: Of the builder, in place of those that were saved: `num_classes=` gives a fresh classifier.

    Raises:
        SavedModelError: The arguments that were saved do not fit the builder.
        TypeError, ValueError: Those that are given do not.
        CheckpointError: The file does not fit the network.
        WeightsUnavailableError: The file cannot be had.
    """
    member = model.enum.verify(weights)
    model = model if member is None else member.saved  # as it was when its weights were found
    called = {**model.config.arguments, **arguments}
    builder = get_model_builder(model.architecture.name)

    def make() -> nn.Module:
        try:
            with without_files():
                return builder(**called)
        except _OF_ARGUMENTS as error:
            if arguments:
                raise
            raise SavedModelError(
                f"{model.name}: {model.architecture.name} cannot be built with the arguments {called!s:.500}: {error}"
            ) from error

    built = assemble_with(make, member, progress=progress, may_resize="num_classes" in arguments)
    made = origin_of(built)
    if made is not None and member is not None:
        digest = model.manifest.files[WEIGHTS_NAME].sha256
        facts = model.config.inherited()
        remember_origin(built, Origin(made.builder, made.arguments, model.name, digest, facts))
    return built
