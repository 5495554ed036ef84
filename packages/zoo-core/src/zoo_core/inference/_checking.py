"""Whether an optimised model still says what the model says."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 0.15, torch.float16: 0.02}
"""Greatest mean difference of an output on the example, in standard deviations of that output."""


BEST = 10
"""How many of a detector's scores are compared."""


class OptimizationError(RuntimeError):
    """A model does not say the same after it was optimised."""


def comparable(outputs: Any) -> list[Any]:  # what a model gives
    """Return the leaves of a model's outputs that rounding changes but little.

    Of a detector's, these are its best scores: rounding alone brings boxes of nearly equal scores into another order,
    and lets single ones of many through a threshold.
    """
    is_detector = isinstance(outputs, list) and outputs and isinstance(outputs[0], dict) and "scores" in outputs[0]
    if not is_detector:
        return tree_leaves(outputs)
    best = [row["scores"].sort(descending=True).values[:BEST] for row in outputs]
    return [F.pad(scores, (0, BEST - len(scores))) for scores in best]


def check_outputs(found: list[Any], expected: list[Any], dtype: torch.dtype) -> None:
    """Compare the leaves of outputs, as `comparable` gives them.

    Raises:
        OptimizationError: They differ in form, or by more than the tolerance.
    """
    if [getattr(leaf, "shape", None) for leaf in found] != [getattr(leaf, "shape", None) for leaf in expected]:
        raise OptimizationError("The optimised model gives outputs of other shapes than the model.")
    for ours, theirs in zip(found, expected, strict=True):
        if isinstance(theirs, Tensor) and theirs.is_floating_point() and theirs.numel():
            spread = torch.maximum(theirs.float().std(correction=0), 0.01 * theirs.float().abs().mean()).clamp(min=1e-6)
            difference = ((ours.float() - theirs.float()).abs().mean() / spread).item()
            if not difference <= TOLERANCES[dtype]:
                raise OptimizationError(
                    f"The optimised model's outputs differ by {difference:.2g} standard deviations from the model's, "
                    f"more than {TOLERANCES[dtype]:.2g}: run the model as it is."
                )
