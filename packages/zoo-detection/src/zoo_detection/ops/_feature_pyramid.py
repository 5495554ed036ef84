"""Feature pyramids.

Tsung-Yi Lin, Piotr Dollár, Ross Girshick, Kaiming He, Bharath Hariharan, Serge Belongie: Feature Pyramid Networks for
Object Detection, 2017, arXiv:1612.03144.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core.layers import ConvNormActivation, rename_older_keys
from zoo_detection.foundation.initialization import initialise_convolutions
from zoo_detection.foundation.levels import named_levels

_fill = partial(nn.init.kaiming_uniform_, a=1)


class ExtraFPNBlock(nn.Module, ABC):
    """What adds levels to a feature pyramid; the base of such blocks."""

    @abstractmethod
    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        """Add levels.

        Args:
            results: The levels of the pyramid, the finest first, each `(N, C, H, W)`.
            x: The levels of the backbone that they come from.
            names: The names of the levels.

        Returns:
            The levels and their names, with those that are added.
        """


class LastLevelMaxPool(ExtraFPNBlock):
    """Adds a level `"pool"`: every second pixel of the coarsest (section 4.1)."""

    def forward(  # type: ignore[override] # the names that users know
        self, x: list[Tensor], y: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        """Add a level to those of the pyramid, `x`, of half the resolution of `x[-1]`, rounded up."""
        pooled = F.max_pool2d(x[-1], kernel_size=1, stride=2, padding=0)
        return [*x, pooled], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Adds levels `"p6"` and `"p7"`, each a convolution of stride 2 (RetinaNet, arXiv:1708.02002, section 4).

    P6 is computed from the coarsest level of the backbone if its number of channels differs from `out_channels`, and
    from that of the pyramid otherwise.

    Args:
        in_channels: Channels of the level that P6 is computed from.
        out_channels: Channels of the pyramid.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        initialise_convolutions(self, _fill)
        self.use_P5 = in_channels == out_channels

    def forward(self, p: list[Tensor], c: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        """Add two levels to those of the pyramid, `p`, each of half the resolution of the one before, rounded up."""
        p6 = self.p6(p[-1] if self.use_P5 else c[-1])
        p7 = self.p7(F.relu(p6))
        return [*p, p6, p7], [*names, "p6", "p7"]


class FeaturePyramidNetwork(nn.Module):
    """Gives each level of a backbone the semantics of the coarser ones (section 3).

    Files with the older names of its layers (`inner_blocks.0.weight`) load, too.

    Args:
        in_channels_list: Channels of each level of the backbone, the finest first.
        out_channels: Channels of every level of the pyramid.
        extra_blocks: Adds levels.
        norm_layer: Called with a number of channels; `None` for no normalisation.

    Shape:
        A dictionary of `(N, C_i, H_i, W_i)`, the finest first, to one of `(N, out_channels, H_i, W_i)` under the same
        names, and those of `extra_blocks`.

    Raises:
        ValueError: A level has no channels.
        TypeError: `extra_blocks` is no `ExtraFPNBlock`.

    Example:
        >>> from zoo_detection.ops import FeaturePyramidNetwork, LastLevelMaxPool
        >>> import torch
        >>> levels = {"fine": torch.zeros(1, 8, 20, 20), "coarse": torch.zeros(1, 16, 10, 10)}
        >>> pyramid = FeaturePyramidNetwork([8, 16], 4, extra_blocks=LastLevelMaxPool())
        >>> {name: tuple(level.shape) for name, level in pyramid(levels).items()}
        {'fine': (1, 4, 20, 20), 'coarse': (1, 4, 10, 10), 'pool': (1, 4, 5, 5)}
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(
        self,
        in_channels_list: Sequence[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if 0 in in_channels_list:
            raise ValueError("in_channels=0 is currently not supported")
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}")
        unit = partial(ConvNormActivation, norm_layer=norm_layer, activation_layer=None)
        self.inner_blocks = nn.ModuleList(unit(channels, out_channels, 1) for channels in in_channels_list)
        self.layer_blocks = nn.ModuleList(unit(out_channels, out_channels, 3) for _ in in_channels_list)
        initialise_convolutions(self, _fill)
        self.extra_blocks = extra_blocks
        blocks = [f"{kind}_blocks.{index}" for kind in ("inner", "layer") for index in range(len(in_channels_list))]
        rename_older_keys(self, {block: f"{block}.0" for block in blocks})

    def forward(self, x: Mapping[str, Tensor] | Sequence[Tensor]) -> dict[str, Tensor]:
        """Turn the levels of a backbone into those of a pyramid, of the same names, or `"0"`, `"1"`, and so on."""
        named = named_levels(x)
        names, levels = list(named), list(named.values())
        merged = self.get_result_from_inner_blocks(levels[-1], len(levels) - 1)
        results = [self.get_result_from_layer_blocks(merged, len(levels) - 1)]
        for index in range(len(levels) - 2, -1, -1):
            lateral = self.get_result_from_inner_blocks(levels[index], index)
            merged = lateral + F.interpolate(merged, size=lateral.shape[-2:], mode="nearest")
            results.insert(0, self.get_result_from_layer_blocks(merged, index))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, levels, names)
        return OrderedDict(zip(names, results, strict=True))

    def get_result_from_inner_blocks(self, x: Tensor, idx: int) -> Tensor:
        """Bring the backbone's level of an index to the channels of the pyramid; a subclass may do it otherwise."""
        result: Tensor = self.inner_blocks[idx](x)
        return result

    def get_result_from_layer_blocks(self, x: Tensor, idx: int) -> Tensor:
        """Finish a level of the pyramid, of an index; a subclass may do it otherwise."""
        result: Tensor = self.layer_blocks[idx](x)
        return result
