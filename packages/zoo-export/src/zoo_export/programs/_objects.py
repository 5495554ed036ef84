"""Whether two sets of objects are the same."""

from collections.abc import Mapping

import torch
from torch import Tensor

SHARE = 0.85
"""How many of the objects of each have to be found in the other."""
MOST = 0.75
"""How many of them have to be in their places."""
PIXELS = 0.5
"""How far edges of boxes, and keypoints, may be from each other."""
KEYPOINTS = 0.9
"""How many of the keypoints have to be in their places."""
OVERLAP = 0.9
"""How much masks have in common, on average: their intersection over their union."""


TIE = 2e-5
"""How near scores are that are the same but for rounding."""


def difference_of_objects(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], tolerance: float
) -> tuple[float, bool]:
    """Compare objects, in whatever order.

    Args:
        found: `boxes` `(D, 4)`, `scores` and `labels` `(D,)`, and perhaps `masks` and `keypoints`.
        expected: The same of others.
        tolerance: How much the scores of one object may differ.

    Returns:
        The largest difference of scores between objects that are the same, and whether all but a few are: of one class,
        with boxes, masks and keypoints of one place.

    Example:
        >>> import torch
        >>> objects = {"boxes": torch.eye(4), "scores": torch.rand(4), "labels": torch.arange(4)}
        >>> difference_of_objects(objects, objects, 1e-3)
        (0.0, True)
    """
    numbers = len(found["scores"]), len(expected["scores"])
    if 0 in numbers:
        return (0.0, True) if numbers == (0, 0) else (1.0, False)
    scores = (found["scores"][:, None] - expected["scores"]).abs().double()
    distances = (found["boxes"][:, None] - expected["boxes"]).abs().amax(dim=2)
    alike = (found["labels"][:, None] == expected["labels"]) & (scores <= tolerance)
    same = alike & (distances <= PIXELS)
    twins = alike & (scores <= TIE)
    share = min(
        min(numbers) / max(numbers),
        *(
            _share(same.any(dim=axis), alike.any(dim=axis), twins.any(dim=axis), one["scores"], other["scores"])
            for axis, one, other in ((1, found, expected), (0, expected, found))
        ),
    )
    if share < SHARE:
        return 1 - share, False
    nearest = scores.masked_fill(~same, torch.inf).argmin(dim=0)
    matched = torch.where(same.any(dim=0))[0]
    if not len(matched):
        return 0.0, True
    places = nearest[matched]
    difference = scores[places, matched].max().item()
    return difference, _have_one_form(found, expected, places, matched)


def _share(same: Tensor, alike: Tensor, twins: Tensor, scores: Tensor, others: Tensor) -> float:
    """Return the share of the objects that are among the others, too.

    On a picture of one colour several boxes have one score but for rounding, which decides which of them comes first,
    and so suppresses others: where more than one has it on a side, places do not count. Nor do they where a single one
    is left on each side, elsewhere, as long as most of the objects are in their places. Where more of them are left,
    fewer others have room: objects below all others do not count, if there are no fewer of the latter.
    """
    tied = ((scores[:, None] - torch.cat((scores, others))).abs() <= TIE).sum(dim=1) > 2
    counts = scores >= others.min() - TIE if len(others) >= len(scores) else torch.ones_like(tied)
    in_places = same[~tied & counts]
    if in_places.double().mean() >= MOST:
        in_places = in_places | twins[~tied & counts]
    shares = (found.double().mean() for found in (in_places, alike[tied & counts]))
    return min((share.item() for share in shares if not share.isnan()), default=1.0)


def _have_one_form(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], places: Tensor, matched: Tensor
) -> bool:
    """Tell whether masks and keypoints of matching objects agree, but for a few."""
    agrees = True
    if "masks" in expected:
        one, other = (masks.flatten(1) > 0.5 for masks in (found["masks"][places], expected["masks"][matched]))
        union = (one | other).sum(dim=1)
        overlap = torch.where(union == 0, 1.0, (one & other).sum(dim=1) / union.clamp(min=1))
        agrees &= overlap.mean().item() >= OVERLAP
    if "keypoints" in expected:
        distances = (found["keypoints"][places] - expected["keypoints"][matched])[..., :2].abs().amax(dim=2)
        agrees &= (distances <= PIXELS).double().mean().item() >= KEYPOINTS
    return agrees
