"""Non-maximum suppression for torch.export and torch.compile: nothing depends on values but the number of rounds."""

import torch
from torch import Tensor
from torch._higher_order_ops.while_loop import while_loop

from ._overlap import marks_of_overlap, with_areas


def keep_traced(corners: Tensor, groups: Tensor | None, iou_threshold: float) -> Tensor:
    """Find the boxes kept, as `keep_by_pairs` does, with a matrix of all pairs."""
    boxes = with_areas(corners)
    suppresses = marks_of_overlap(boxes.unsqueeze(2), boxes.unsqueeze(1), iou_threshold).triu(1)
    if groups is not None:
        suppresses = suppresses * (groups.unsqueeze(1) == groups)

    def changed(changed: Tensor, kept: Tensor) -> Tensor:
        return changed.clone()

    def again(changed: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        again = (kept @ suppresses == 0).to(kept.dtype)
        return (again != kept).any(), again

    start = torch.ones((), dtype=torch.bool, device=corners.device)
    # Only a loop will do: a box's fate may depend on that of any number of better ones, one after the other.
    _, kept = while_loop(  # type: ignore[no-untyped-call]
        changed, again, (start, torch.ones_like(corners[0]))
    )
    return torch.nonzero(kept > 0).squeeze(1)
