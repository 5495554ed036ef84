"""Whether an optimised model still says what the model says."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ._optimized_model import leaves

TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 0.15, torch.float16: 0.02}
"""Greatest mean difference of an output on the example, in standard deviations of that output."""

OTHERS = 0.01
"""Greatest share of an output's integers, such as classes of pixels, that may be others: rounding decides near ties."""

BEST = 10
"""How many of a detector's scores are compared."""


class OptimizationError(RuntimeError):
    """A model does not say the same after it was optimised."""


def comparable(outputs: Any) -> list[Any]:  # what a model gives
    """Return the leaves of a model's outputs that rounding changes but little; refuse what cannot be compared.

    Of a detector's, these are its best scores: rounding alone brings boxes of nearly equal scores into another order,
    and lets single ones of many through a threshold.
    """
    is_detector = isinstance(outputs, list) and outputs and isinstance(outputs[0], dict) and "scores" in outputs[0]
    if not is_detector:
        return [_checked(leaf) for leaf in leaves(outputs)]
    best = [row["scores"].sort(descending=True).values[:BEST] for row in outputs]
    return [F.pad(scores, (0, BEST - len(scores))) for scores in best]


def _checked(leaf: object) -> object:
    """Return a leaf that can be compared: a tensor, a number, text or `None`."""
    if leaf is None or isinstance(leaf, (Tensor, int, float, complex, str, bytes)):
        return leaf
    raise ValueError(
        f"The outputs of a model that is optimised are compared with its own: expected tensors, in tuples, lists, "
        f"dictionaries or dataclasses, found {type(leaf).__name__}. Wrap the model in one that returns tensors."
    )


def check_outputs(found: list[Any], expected: list[Any], dtype: torch.dtype) -> None:
    """Refuse leaves of outputs, as `comparable` gives them, that differ in form, or by more than the tolerance."""
    if [_form(leaf) for leaf in found] != [_form(leaf) for leaf in expected]:
        raise OptimizationError("The optimised model gives outputs of other shapes than the model.")
    for ours, theirs in zip(found, expected, strict=True):
        if isinstance(theirs, (Tensor, int, float, complex)):
            _check_numbers(torch.as_tensor(ours), torch.as_tensor(theirs), TOLERANCES[dtype])
        elif ours != theirs:
            raise OptimizationError(f"The optimised model gives {ours!r} where the model gives {theirs!r}.")


def _form(leaf: object) -> object:
    return leaf.shape if isinstance(leaf, Tensor) else type(leaf)


def _check_numbers(ours: Tensor, theirs: Tensor, tolerance: float) -> None:
    if not theirs.numel():
        return
    if not (theirs.is_floating_point() or theirs.is_complex()):
        others = (ours != theirs).float().mean().item()
        if others > OTHERS:
            raise OptimizationError(f"The optimised model gives {others:.0%} other integers than the model.")
        return
    ours, theirs = _real(ours), _real(theirs)
    spread = torch.maximum(theirs.std(correction=0), 0.01 * theirs.abs().mean()).clamp(min=1e-6)
    difference = ((ours - theirs).abs().mean() / spread).item()
    if not difference <= tolerance:
        raise OptimizationError(
            f"The optimised model's outputs differ by {difference:.2g} standard deviations from the model's, "
            f"more than {tolerance:.2g}: run the model as it is."
        )


def _real(tensor: Tensor) -> Tensor:
    return (torch.view_as_real(tensor) if tensor.is_complex() else tensor).float()
