"""MNASNet (the paper's MnasNet-B1: without squeeze-and-excitation).

Mingxing Tan, Bo Chen, Ruoming Pang, Vijay Vasudevan, Mark Sandler, Andrew Howard, Quoc V. Le: MnasNet: Platform-Aware
Neural Architecture Search for Mobile, 2018, arXiv:1807.11626.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder, warn_caller
from zoo_core.layers import make_divisible, require_positive

from .catalogue import mnasnet as catalogue

_MOMENTUM = 1 - 0.9997
"""Of batch norm: TensorFlow's decay, the other way round."""

_STEM = (32, 16)
"""Channels of the first convolution and of the separable convolution after it."""

_STAGES = (
    (24, 3, 2, 3, 3),
    (40, 5, 2, 3, 3),
    (80, 5, 2, 6, 3),
    (96, 3, 1, 6, 2),
    (192, 5, 2, 6, 4),
    (320, 3, 1, 6, 1),
)
"""Channels, kernel size, stride of the first block, expansion factor, blocks."""


class _InvertedResidual(nn.Module):
    """A block that expands, convolves each channel, and projects without an activation.

    The depthwise convolution has a `kernel_size` of 3 or 5 and a `stride` of 1 or 2; others are a `ValueError`.

    Shape:
        `(N, in_ch, H, W)` to `(N, out_ch, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(
        self, in_ch: int, out_ch: int, kernel_size: int, stride: int, expansion_factor: int, bn_momentum: float = 0.1
    ) -> None:
        super().__init__()
        if stride not in {1, 2}:
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        if kernel_size not in {3, 5}:
            raise ValueError(f"kernel_size should be 3 or 5 instead of {kernel_size}")
        hidden = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            *_convolution(in_ch, hidden, 1, momentum=bn_momentum),
            nn.ReLU(inplace=True),
            *_convolution(hidden, hidden, kernel_size, stride, groups=hidden, momentum=bn_momentum),
            nn.ReLU(inplace=True),
            *_convolution(hidden, out_ch, 1, momentum=bn_momentum),
        )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # the name that users know
        result: Tensor = self.layers(input)
        return result + input if self.apply_residual else result


def _convolution(
    in_ch: int, out_ch: int, kernel_size: int, stride: int = 1, *, groups: int = 1, momentum: float = _MOMENTUM
) -> list[nn.Module]:
    convolution = nn.Conv2d(in_ch, out_ch, kernel_size, stride, kernel_size // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(out_ch, momentum=momentum)]


class MNASNet(ClassificationNetwork):
    """A MNASNet of any width (figure 7 of the paper, with depthwise blocks alone).

    A state dict of the model's first version, in which `alpha` did not scale the first two convolutions, is taken as
    it is: those layers then get that version's widths.

    Args:
        alpha: Scales all channels but those of the last convolution, to multiples of 8.
        num_classes: Width of the classifier.
        dropout: Probability that an element before the classifier is dropped in training.

    Shape:
        Images `(N, 3, H, W)` of any size to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network.

    Example:
        >>> import torch
        >>> from zoo_classification import MNASNet
        >>> MNASNet(alpha=0.25, num_classes=10)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.1",)
    _version = 2

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        require_positive(num_classes=num_classes)
        self.alpha = alpha
        self.num_features, self.num_classes = 1280, num_classes
        channels = [make_divisible(stage[0] * alpha, 8) for stage in _STAGES]
        self.layers = nn.Sequential(
            *_first_layers([make_divisible(width * alpha, 8) for width in _STEM], channels[0]),
            *(
                _stage(in_channels, out_channels, *stage[1:])
                for in_channels, out_channels, stage in zip(channels, channels[1:], _STAGES[1:], strict=False)
            ),
            *_convolution(channels[-1], 1280, 1),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes))
        self.apply(_initialise)
        self.register_load_state_dict_pre_hook(_follow_first_version)  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.classifier(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        features: Tensor = self.layers(images)
        return features

    def _pool(self, features: Tensor) -> Tensor:
        return features.mean([2, 3])


def _first_layers(stem: Sequence[int], stage_width: int) -> list[nn.Module]:
    """Build the layers up to the first stage, whose shapes depend on how the first two are scaled."""
    width, separable_width = stem
    return [
        *_convolution(3, width, 3, 2),
        nn.ReLU(inplace=True),
        *_convolution(width, width, 3, groups=width),
        nn.ReLU(inplace=True),
        *_convolution(width, separable_width, 1),
        _stage(separable_width, stage_width, *_STAGES[0][1:]),
    ]


def _stage(
    in_channels: int, out_channels: int, kernel_size: int, stride: int, expansion_factor: int, blocks: int
) -> nn.Sequential:
    first = _InvertedResidual(in_channels, out_channels, kernel_size, stride, expansion_factor, _MOMENTUM)
    rest = (
        _InvertedResidual(out_channels, out_channels, kernel_size, 1, expansion_factor, _MOMENTUM)
        for _ in range(1, blocks)
    )
    return nn.Sequential(first, *rest)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="sigmoid")
        nn.init.zeros_(module.bias)


def _follow_first_version(network: nn.Module, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    """Give the first layers the widths that they had in the first version, where `state` is of that version."""
    assert isinstance(network, MNASNet)
    first = network.layers[0]
    assert isinstance(first, nn.Conv2d)
    found = state.get(f"{prefix}layers.0.weight")
    if found is None or len(found) != _STEM[0] or first.out_channels == _STEM[0]:
        return
    warn_caller(
        "This state dict is of the first version of MNASNet, where alpha did not scale the first layers. It loads and "
        "works as it did; this model has now the widths of that version."
    )
    with first.weight.device:
        layers = _first_layers(_STEM, make_divisible(_STAGES[0][0] * network.alpha, 8))
    for index, layer in enumerate(layers):
        network.layers[index] = layer.to(first.weight.dtype).train(network.training)
    network._version = 1


@builder(catalogue.MNASNet0_5_Weights.IMAGENET1K_V1)
def mnasnet0_5(**kwargs: Any) -> MNASNet:
    """MNASNet of width 0.5."""
    return MNASNet(0.5, **kwargs)


@builder(catalogue.MNASNet0_75_Weights.IMAGENET1K_V1)
def mnasnet0_75(**kwargs: Any) -> MNASNet:
    """MNASNet of width 0.75."""
    return MNASNet(0.75, **kwargs)


@builder(catalogue.MNASNet1_0_Weights.IMAGENET1K_V1)
def mnasnet1_0(**kwargs: Any) -> MNASNet:
    """MNASNet of width 1.0."""
    return MNASNet(1.0, **kwargs)


@builder(catalogue.MNASNet1_3_Weights.IMAGENET1K_V1)
def mnasnet1_3(**kwargs: Any) -> MNASNet:
    """MNASNet of width 1.3."""
    return MNASNet(1.3, **kwargs)
