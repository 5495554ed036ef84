"""Non-maximum suppression for torch.export and torch.compile: nothing depends on values but the number of rounds."""

import torch
from torch import Tensor
from torch._higher_order_ops.while_loop import while_loop

from ._overlap import overlaps


def suppress_traced(boxes: Tensor, groups: Tensor | None, iou_threshold: float) -> Tensor:
    """Find the boxes kept, as `suppress_by_blocks` does, with a matrix of all pairs."""
    everybody = torch.arange(boxes.shape[0], device=boxes.device)
    better = everybody.unsqueeze(1) < everybody
    suppresses = (overlaps(boxes, groups, everybody, everybody, iou_threshold) & better).to(torch.float32)

    def changed(changed: Tensor, kept: Tensor) -> Tensor:
        return changed.clone()

    def again(changed: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        again = (kept @ suppresses == 0).to(kept.dtype)
        return (again != kept).any(), again

    start = torch.ones((), dtype=torch.bool, device=boxes.device)
    _, kept = while_loop(  # type: ignore[no-untyped-call]
        changed, again, (start, torch.ones_like(everybody, dtype=torch.float32))
    )
    return torch.nonzero(kept > 0).squeeze(1)
