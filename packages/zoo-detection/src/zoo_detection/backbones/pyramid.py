"""Networks with a feature pyramid.

Tsung-Yi Lin, Piotr Dollár, Ross Girshick, Kaiming He, Bharath Hariharan, Serge Belongie: Feature Pyramid Networks for
Object Detection, 2016, arXiv:1612.03144.
"""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from zoo_classification.stages import Stage
from zoo_core.layers import IntermediateLayerGetter
from zoo_detection.ops import ExtraFPNBlock, FeaturePyramidNetwork, LastLevelMaxPool

NormLayer = Callable[..., nn.Module]


class BackboneWithFPN(nn.Module):
    """Some layers of a network, and a feature pyramid on them.

    Args:
        backbone: A network that calls its children one after the other.
        return_layers: The children that the pyramid stands on, with the names of its levels, the finest first.
        in_channels_list: Channels of what these children return.
        out_channels: Channels of every level of the pyramid.
        extra_blocks: Adds coarser levels; one, `"pool"`, if not given.
        norm_layer: Normalisation in the pyramid, called with a number of channels; none if not given.

    Shape:
        Images `(N, C, H, W)` to an ordered dictionary of levels `(N, out_channels, h, w)`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_detection import BackboneWithFPN
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 16, 3, 2, 1))
        >>> levels = BackboneWithFPN(network, {"0": "fine", "1": "coarse"}, [8, 16], 32)(torch.zeros(1, 3, 32, 32))
        >>> {name: tuple(level.shape) for name, level in levels.items()}
        {'fine': (1, 32, 16, 16), 'coarse': (1, 32, 8, 8), 'pool': (1, 32, 4, 4)}
    """

    def __init__(
        self,
        backbone: nn.Module,
        return_layers: Mapping[str, str],
        in_channels_list: Sequence[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: NormLayer | None = None,
    ) -> None:
        super().__init__()
        self.body = IntermediateLayerGetter(backbone, return_layers)
        self.fpn = FeaturePyramidNetwork(
            in_channels_list, out_channels, extra_blocks=extra_blocks or LastLevelMaxPool(), norm_layer=norm_layer
        )
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the levels of the pyramid."""
        levels: dict[str, Tensor] = self.fpn(self.body(x))
        return levels


def pyramid_on(
    network: nn.Module, stages: Sequence[Stage], extra_blocks: ExtraFPNBlock | None, norm_layer: NormLayer | None = None
) -> BackboneWithFPN:
    """Put a pyramid of 256 channels on stages of a network; its levels are called "0", "1", and so on."""
    return BackboneWithFPN(
        network,
        return_layers={stage.name: str(level) for level, stage in enumerate(stages)},
        in_channels_list=[stage.channels for stage in stages],
        out_channels=256,
        extra_blocks=extra_blocks,
        norm_layer=norm_layer,
    )


def require_out_channels(backbone: nn.Module) -> int:
    """Return the channels of every level of a backbone.

    Raises:
        ValueError: The backbone does not tell.
    """
    channels = getattr(backbone, "out_channels", None)
    if not isinstance(channels, int):
        raise ValueError(
            "backbone should contain an attribute out_channels specifying the number of output channels (assumed to be "
            f"the same for all the levels): found {channels} in {type(backbone).__name__}"
        )
    return channels
