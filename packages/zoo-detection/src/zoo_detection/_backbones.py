"""Backbones of detectors: classification networks, cut and partly frozen, with or without a feature pyramid.

Tsung-Yi Lin, Piotr Dollár, Ross Girshick, Kaiming He, Bharath Hariharan, Serge Belongie: Feature Pyramid Networks for
Object Detection, 2016, arXiv:1612.03144.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from zoo_classification import MobileNetV2, MobileNetV3, ResNet
from zoo_core import WeightsEnum, get_model_builder
from zoo_core.layers import IntermediateLayers

from .ops import ExtraFPNBlock, FeaturePyramidNetwork, FrozenBatchNorm2d, LastLevelMaxPool

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
        self.body = IntermediateLayers(backbone, return_layers)
        self.fpn = FeaturePyramidNetwork(
            in_channels_list, out_channels, extra_blocks=extra_blocks or LastLevelMaxPool(), norm_layer=norm_layer
        )
        self.out_channels = out_channels

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the levels of the pyramid."""
        levels: dict[str, Tensor] = self.fpn(self.body(images))
        return levels


def resnet_fpn_backbone(
    *,
    backbone_name: str,
    weights: WeightsEnum | str | None,
    norm_layer: NormLayer = FrozenBatchNorm2d,
    trainable_layers: int = 3,
    returned_layers: Sequence[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> BackboneWithFPN:
    """Build a ResNet with a feature pyramid of 256 channels.

    Args:
        backbone_name: A registered ResNet, such as `"resnet50"`.
        weights: Its weights, a member or its name; `None` to initialise at random.
        norm_layer: Normalisation in the ResNet, called with a number of channels.
        trainable_layers: How many of its five layers train, from the last on; the others are frozen.
        returned_layers: Which of `layer1` to `layer4` the pyramid stands on; all if not given.
        extra_blocks: Adds coarser levels; one, `"pool"`, if not given.

    Raises:
        ValueError: One of the numbers is out of range, or there is no such model.

    Example:
        >>> import torch
        >>> levels = resnet_fpn_backbone(backbone_name="resnet18", weights=None)(torch.zeros(1, 3, 64, 64))
        >>> {name: tuple(level.shape) for name, level in levels.items()}  # doctest: +NORMALIZE_WHITESPACE
        {'0': (1, 256, 16, 16), '1': (1, 256, 8, 8), '2': (1, 256, 4, 4), '3': (1, 256, 2, 2), 'pool': (1, 256, 1, 1)}
    """
    network = get_model_builder(backbone_name)(weights=weights, norm_layer=norm_layer)
    if not isinstance(network, ResNet):
        raise _no("ResNet", backbone_name, network)
    return resnet_fpn_extractor(network, trainable_layers, returned_layers, extra_blocks)


def _no(expected: str, name: str, network: nn.Module) -> ValueError:
    return ValueError(f"backbone_name should be that of a {expected}, found {name!r}, a {type(network).__name__}")


def resnet_fpn_extractor(
    network: ResNet,
    trainable_layers: int,
    returned_layers: Sequence[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: NormLayer | None = None,
) -> BackboneWithFPN:
    """Make a backbone of a ResNet that is there already; see `resnet_fpn_backbone`.

    Args:
        network: Its layers are taken over.
        trainable_layers: How many of its five layers train.
        returned_layers: Which of `layer1` to `layer4` the pyramid stands on.
        extra_blocks: Adds coarser levels.
        norm_layer: Normalisation in the pyramid; none if not given.

    Raises:
        ValueError: One of the numbers is out of range.
    """
    _require_range("Trainable layers", trainable_layers, 5)
    stem_and_stages = ("conv1", "layer1", "layer2", "layer3", "layer4")
    trained = set(stem_and_stages[5 - trainable_layers :])
    if trainable_layers == 5:
        trained.add("bn1")
    for name, child in network.named_children():
        if name not in trained:
            child.requires_grad_(requires_grad=False)
    returned = [1, 2, 3, 4] if returned_layers is None else list(returned_layers)
    if min(returned) <= 0 or max(returned) >= 5:
        raise ValueError(f"Each returned layer should be in the range [1,4]. Got {returned}")
    channels = [network.inplanes // 8 * 2 ** (stage - 1) for stage in returned]
    levels = {f"layer{stage}": str(level) for level, stage in enumerate(returned)}
    return BackboneWithFPN(network, levels, channels, 256, extra_blocks=extra_blocks, norm_layer=norm_layer)


def mobilenet_backbone(
    *,
    backbone_name: str,
    weights: WeightsEnum | str | None,
    fpn: bool,
    norm_layer: NormLayer = FrozenBatchNorm2d,
    trainable_layers: int = 2,
    returned_layers: Sequence[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> nn.Module:
    """Build a MobileNetV2 or V3 as a backbone of 256 channels.

    Args:
        backbone_name: A registered MobileNet, such as `"mobilenet_v3_large"`.
        weights: Its weights, a member or its name; `None` to initialise at random.
        fpn: With a feature pyramid, else the last layer's features alone.
        norm_layer: Normalisation in the MobileNet, called with a number of channels.
        trainable_layers: How many of its stages train, from the last on; the others are frozen.
        returned_layers: Which stages, counted from 0, the pyramid stands on; the last two if not given.
        extra_blocks: Adds coarser levels to the pyramid; one, `"pool"`, if not given.

    Raises:
        ValueError: One of the numbers is out of range, or there is no such model.

    Example:
        >>> import torch
        >>> backbone = mobilenet_backbone(backbone_name="mobilenet_v3_small", weights=None, fpn=False)
        >>> backbone(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 256, 2, 2])
    """
    network = get_model_builder(backbone_name)(weights=weights, norm_layer=norm_layer)
    if not isinstance(network, (MobileNetV2, MobileNetV3)):
        raise _no("MobileNetV2 or MobileNetV3", backbone_name, network)
    return mobilenet_extractor(network, fpn, trainable_layers, returned_layers, extra_blocks)


def mobilenet_extractor(
    network: MobileNetV2 | MobileNetV3,
    fpn: bool,
    trainable_layers: int,
    returned_layers: Sequence[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: NormLayer | None = None,
) -> nn.Module:
    """Make a backbone of a MobileNet that is there already; see `mobilenet_backbone`.

    Args:
        network: Its layers are taken over.
        fpn: With a feature pyramid, else the last layer's features alone.
        trainable_layers: How many of its stages train.
        returned_layers: Which stages the pyramid stands on.
        extra_blocks: Adds coarser levels to the pyramid.
        norm_layer: Normalisation in the pyramid; none if not given.

    Raises:
        ValueError: One of the numbers is out of range.
    """
    blocks: nn.Sequential = network.features
    stages = stage_indices(blocks)
    _require_range("Trainable layers", trainable_layers, len(stages))
    freeze_blocks(blocks, stages, trainable_layers)
    if not fpn:
        return _WithoutPyramid(blocks, 256)
    returned = [len(stages) - 2, len(stages) - 1] if returned_layers is None else list(returned_layers)
    if min(returned) < 0 or max(returned) >= len(stages):
        raise ValueError(f"Each returned layer should be in the range [0,{len(stages) - 1}], got {returned}")
    channels = [_out_channels(blocks[stages[stage]]) for stage in returned]
    levels = {str(stages[stage]): str(level) for level, stage in enumerate(returned)}
    return BackboneWithFPN(blocks, levels, channels, 256, extra_blocks=extra_blocks, norm_layer=norm_layer)


def _out_channels(block: nn.Module) -> int:
    channels = block.out_channels
    assert isinstance(channels, int)
    return channels


class _WithoutPyramid(nn.Sequential):
    """All blocks of a network, and a convolution to another number of channels."""

    def __init__(self, blocks: nn.Sequential, out_channels: int) -> None:
        super().__init__(blocks, nn.Conv2d(_out_channels(blocks[-1]), out_channels, 1))
        self.out_channels = out_channels


def stage_indices(blocks: nn.Sequential) -> list[int]:
    """Return which blocks of a MobileNet halve the resolution, the first and the last block counted in."""
    strided = [index for index, block in enumerate(blocks) if getattr(block, "starts_stage", False)]
    return [0, *strided, len(blocks) - 1]


def freeze_blocks(blocks: nn.Sequential, stages: Sequence[int], trainable_layers: int) -> None:
    """Freeze all blocks before the last `trainable_layers` of the stages that begin at the indices `stages`."""
    first = len(blocks) if trainable_layers == 0 else stages[len(stages) - trainable_layers]
    for block in list(blocks)[:first]:
        block.requires_grad_(requires_grad=False)


def trainable_layers_or_default(
    trainable_backbone_layers: int | None, *, is_trained: bool, max_value: int, default_value: int
) -> int:
    """Return how many layers of a backbone train.

    Args:
        trainable_backbone_layers: What the user asked for, if anything.
        is_trained: Whether the backbone has weights; otherwise all of its layers must train.
        max_value: How many layers it has.
        default_value: How many train if the user did not say.

    Raises:
        ValueError: The number is out of range.
    """
    if not is_trained:
        if trainable_backbone_layers is not None:
            warnings.warn(
                "Changing trainable_backbone_layers has no effect if neither pretrained nor pretrained_backbone have "
                f"been set to True, falling back to trainable_backbone_layers={max_value} so that all layers are "
                "trainable",
                UserWarning,
                stacklevel=5,
            )
        return max_value
    if trainable_backbone_layers is None:
        return default_value
    _require_range("Trainable backbone layers", trainable_backbone_layers, max_value)
    return trainable_backbone_layers


def _require_range(what: str, number: int, greatest: int) -> None:
    if not 0 <= number <= greatest:
        raise ValueError(f"{what} should be in the range [0,{greatest}], got {number}")


def zero_epsilon(model: nn.Module) -> None:
    """Let every frozen batch norm divide by the plain deviation, as the first files were trained."""
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0
