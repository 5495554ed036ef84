"""Non-maximum suppression for torch.export: nothing depends on values but the number of rounds."""

import torch
from torch import Tensor

from ._overlap import marks_of_overlap, with_areas


def keep_by_matrix(corners: Tensor, groups: Tensor | None, iou_threshold: float) -> Tensor:
    """Find the boxes kept, as `keep_by_pairs` does, with a matrix of all pairs."""
    boxes = with_areas(corners)
    suppresses = marks_of_overlap(boxes.unsqueeze(2), boxes.unsqueeze(1), iou_threshold).triu(1)
    if groups is not None:
        suppresses = suppresses * (groups.unsqueeze(1) == groups)

    return torch.nonzero(_settled(suppresses)).squeeze(1)


def kept_in_groups(boxes: Tensor, iou_threshold: float) -> Tensor:
    """Tell which boxes are kept, `(G, K)`, of G groups `(G, K, 4)` by descending score in each, of a wide type."""
    columns = with_areas(boxes.detach().permute(2, 0, 1))
    return _settled(marks_of_overlap(columns.unsqueeze(3), columns.unsqueeze(2), iou_threshold).triu(1))


def _settled(suppresses: Tensor) -> Tensor:
    """Decide who is kept, from matrices `(..., N, N)` of who suppresses whom: `(..., N)`."""
    from torch._higher_order_ops.while_loop import while_loop  # imports the compiler

    def goes_on(changed: Tensor, kept: Tensor) -> Tensor:
        return changed.clone()

    def one_round(changed: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        again = ((kept.unsqueeze(-2) @ suppresses).squeeze(-2) == 0).to(kept.dtype)
        return (again != kept).sum() > 0, again  # not any(), which ONNX Runtime thinks is true of nothing

    start = torch.ones((), dtype=torch.bool, device=suppresses.device)
    everybody = torch.ones(suppresses.shape[:-1], dtype=suppresses.dtype, device=suppresses.device)
    # Only a loop will do: a box's fate may depend on that of any number of better ones, one after the other.
    _, kept = while_loop(goes_on, one_round, (start, everybody))  # type: ignore[no-untyped-call]
    return torch.as_tensor(kept > 0)
