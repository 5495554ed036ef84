"""The forms in which backbones give their feature maps."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from torch import Tensor

Levels = Tensor | Sequence[Tensor] | Mapping[str, Tensor]
"""Feature maps `(N, C, h, w)`, the finest first: one, several, or several by name."""


def named_levels(features: Levels) -> Mapping[str, Tensor]:
    """Return the feature maps of a backbone by name: those without names are called `"0"`, `"1"`, and so on.

    Raises:
        TypeError: The features are of another form.

    Example:
        >>> import torch
        >>> from zoo_detection.foundation.levels import named_levels
        >>> list(named_levels([torch.zeros(1, 8, 4, 4), torch.zeros(1, 8, 2, 2)]))
        ['0', '1']
    """
    if isinstance(features, Mapping):
        return features
    maps: object = [features] if isinstance(features, Tensor) else features
    if not isinstance(maps, Sequence) or not all(isinstance(level, Tensor) for level in maps):
        raise TypeError(
            "A backbone should give a tensor, a list or tuple of tensors, or a dictionary of tensors by name; found "
            f"{type(features).__name__}"
        )
    return OrderedDict((str(index), level) for index, level in enumerate(maps))
