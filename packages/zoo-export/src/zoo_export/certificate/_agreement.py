"""How much of what an int8 file says is what the model says: rounding moves every number, and few labels."""

from collections.abc import Mapping

import torch
from torch import Tensor

from zoo_export._facts import Facts

SURE = 0.5
"""The least score of objects that are compared."""
OVERLAP = 0.5
"""How much two boxes of one object have in common, at least: their intersection over their union."""


def agreement(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], facts: Facts) -> tuple[float, float]:
    """Compare labels, and how probable they are.

    Args:
        found: The file's outputs.
        expected: The model's.
        facts: Of the file.

    Returns:
        The share of labels that are the same: of pictures, pixels, or objects with a score of at least 0.5; and by how
        much probabilities differ, on average over these: the largest difference of a class.

    Example:
        >>> import torch
        >>> from zoo_export import load_exported
        >>> from zoo_export.certificate._agreement import agreement
        >>> one = {"probabilities": torch.eye(10)}
        >>> agreement(one, one, load_exported("digits.pt2").facts)
        (1.0, 0.0)
    """
    if "boxes" in expected:
        return _of_objects(found, expected)
    ((name, one),) = found.items()
    other = expected[name]
    if one.shape != other.shape:
        return 0.0, 1.0
    if not one.is_floating_point():
        share = (one == other).double().mean().item()
        return share, 1 - share
    places = next(fact.axes for fact in facts.outputs if fact.name == name)
    classes = places.index(len(facts.categories or ()))
    if facts.raw:
        one, other = one.softmax(dim=classes), other.softmax(dim=classes)
    share = (one.argmax(dim=classes) == other.argmax(dim=classes)).double().mean().item()
    return share, (one - other).abs().amax(dim=classes).double().mean().item()


def _of_objects(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> tuple[float, float]:
    """Match the most probable objects first, each with one of its class and place."""
    one, other = _sure(found), _sure(expected)
    count = len(one["scores"]) + len(other["scores"])
    if not count:
        return 1.0, 0.0
    overlaps = _overlaps(one["boxes"], other["boxes"])
    overlaps[one["labels"][:, None] != other["labels"]] = 0
    differences = []
    for place, overlap in enumerate(overlaps):
        if len(overlap) and overlap.max() >= OVERLAP:
            match = overlap.argmax()
            overlaps[:, match] = 0
            differences.append((one["scores"][place] - other["scores"][match]).abs().item())
    return 2 * len(differences) / count, sum(differences) / max(1, len(differences))


def _sure(objects: Mapping[str, Tensor]) -> dict[str, Tensor]:
    enough = objects["scores"] >= SURE
    return {name: objects[name][enough] for name in ("boxes", "scores", "labels")}


def _overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the intersection over union of all pairs, `(N, M)`."""
    sides = torch.minimum(boxes[:, None, 2:], others[:, 2:]) - torch.maximum(boxes[:, None, :2], others[:, :2])
    common = sides.clamp(min=0).prod(dim=2)
    areas, other_areas = ((each[:, 2:] - each[:, :2]).prod(dim=1) for each in (boxes, others))
    return common / (areas[:, None] + other_areas - common)
