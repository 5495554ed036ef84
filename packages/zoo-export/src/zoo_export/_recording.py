"""From a program to what `torch.export` records of it."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from ._facts import ExportError, TensorFact
from ._precision import own_network
from ._program import Program, evaluating
from ._sizes import records_minima

SIDES = ("height", "width")


def check_axes(
    kind: type[Program], model: str, fixed: Sequence[str], size: tuple[int, int] | None, *, raw: bool = False
) -> tuple[frozenset[str], dict[str, int]]:
    """Return the axes that have one length, and what that is.

    Args:
        kind: Of the program.
        model: What messages call it.
        fixed: Axes that are to have one length.
        size: Height and width in pixels, which these then have.
        raw: Whether the network alone is exported.

    Raises:
        ValueError: The model has no such axis, a length is missing, or a size is not above 0 or would do nothing.
    """
    axes = kind.axes(raw=raw)
    unknown = sorted(set(fixed) - set(axes))
    if unknown:
        raise ValueError(f"{model} has the axes {', '.join(axes)}, found {', '.join(unknown)}.")
    sides = {side for side in SIDES if side in axes}
    if size is not None and not sides:
        raise ValueError(
            f"A size would do nothing: the network of {model} alone takes what its preprocessing makes, of one size."
        )
    if size is None and sides & set(fixed):
        raise ValueError(
            "Give the height and width that inputs are to have: size=(480, 640), on the command line --size."
        )
    if size is not None and min(size) < 1:
        raise ValueError(f"size is height and width in pixels: expected at least 1, found {size}.")
    of_one_length = frozenset(fixed) | (sides if size is not None else set())
    lengths = {} if size is None else dict(zip(SIDES, size, strict=True))
    if "batch" in of_one_length:
        lengths["batch"] = 1
    return of_one_length, lengths


def with_lengths(facts: Sequence[TensorFact], lengths: Mapping[str, int]) -> tuple[TensorFact, ...]:
    """Return what is said of tensors whose axes have these lengths."""
    return tuple(
        replace(fact, axes=tuple(lengths.get(axis, axis) if isinstance(axis, str) else axis for axis in fact.axes))
        for fact in facts
    )


def lengths_in(facts: Sequence[TensorFact], told: Sequence[TensorFact]) -> dict[str, int]:
    """Return the lengths of the axes that have names in `facts`, and numbers in `told`."""
    return {
        name: length
        for fact, other in zip(facts, told, strict=True)
        for name, length in zip(fact.axes, other.axes, strict=True)
        if isinstance(name, str) and isinstance(length, int)
    }


def record(program: Program, *, fixed: Sequence[str] = (), size: tuple[int, int] | None = None) -> ExportedProgram:
    """Record a program with `torch.export`.

    Args:
        program: What is to be exported.
        fixed: Axes that keep one length; a batch is then of one.
        size: Height and width of the example.

    Raises:
        ExportError: PyTorch cannot record it.
    """
    sizes = {} if size is None else {"height": size[0], "width": size[1]}
    example = program.example(**sizes, **({"batch": 1} if "batch" in fixed else {}))
    return _recorded(program, program, example, program.dynamic_shapes(fixed), fixed)


def record_part(part: nn.Module, program: Program, lengths: Mapping[str, int]) -> ExportedProgram:
    """Record a module that takes what a program takes, as `*inputs`.

    Args:
        part: The module.
        program: The program.
        lengths: Of the axes that have one length.

    Raises:
        ExportError: PyTorch cannot record it.
    """
    fixed = sorted(lengths)
    return _recorded(part, program, program.example(**lengths), (program.dynamic_shapes(fixed),), fixed)


def _recorded(
    module: nn.Module, program: Program, example: tuple[Tensor, ...], shapes: Any, fixed: Sequence[str]
) -> ExportedProgram:
    with warnings.catch_warnings(), torch.no_grad(), evaluating(program.model):
        warnings.simplefilter("ignore")  # the recorder's are about itself
        records_minima()
        try:
            return torch.export.export(module, example, dynamic_shapes=shapes, strict=False)
        except Exception as error:
            axes = ", ".join(axis for axis in program.dynamic if axis not in fixed)
            raise ExportError(
                f"PyTorch {torch.__version__} cannot record {type(own_network(program.model)).__name__}"
                f"{f' for inputs of any {axes}' if axes else ''}: {error}"
            ) from error
