"""DenseNet.

Gao Huang, Zhuang Liu, Laurens van der Maaten, Kilian Q. Weinberger: Densely Connected Convolutional Networks, 2016,
arXiv:1608.06993: the variant with bottlenecks and compression (DenseNet-BC).
Geoff Pleiss, Danlu Chen, Gao Huang, Tongcheng Li, Laurens van der Maaten, Kilian Q. Weinberger: Memory-Efficient
Implementation of DenseNets, 2017, arXiv:1707.06990.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import rename_older_keys, require_image_size, require_positive

from .catalogue import densenet as catalogue

_WITH_DOTS = {"norm.1": "norm1", "conv.1": "conv1", "norm.2": "norm2", "conv.2": "conv2"}
"""Layers of which PyTorch once allowed dots in the names."""


class _DenseLayer(nn.Module):
    """Makes `growth_rate` more maps of all that were made before (composite function with bottleneck, section 3).

    Its `memory_efficient` form computes the maps between again for the backward pass instead of keeping them.

    Shape:
        A list of `(N, …, H, W)`, of `num_input_features` channels together, to `(N, growth_rate, H, W)`.
    """

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient
        rename_older_keys(self, _WITH_DOTS)

    def forward(self, input: list[Tensor]) -> Tensor:  # noqa: A002 # the name that users know
        scripting = torch.jit.is_scripting()  # type: ignore[attr-defined]
        if self.memory_efficient and torch.is_grad_enabled() and not scripting:
            bottleneck = self._checkpointed_bottleneck(input)
        else:
            bottleneck = self._bottleneck(input)
        made: Tensor = self.conv2(self.relu2(self.norm2(bottleneck)))
        return nn.functional.dropout(made, self.drop_rate, self.training) if self.drop_rate > 0.0 else made

    def _bottleneck(self, features: list[Tensor]) -> Tensor:
        result: Tensor = self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))
        return result

    @torch.jit.unused
    def _checkpointed_bottleneck(self, features: list[Tensor]) -> Tensor:
        def bottleneck(*features: Tensor) -> Tensor:
            return self._bottleneck(list(features))

        compiled = torch.compiler.is_compiling()  # what is compiled changes statistics once in any case
        contexts: dict[str, Any] = {} if compiled else {"context_fn": self._contexts}
        result: Tensor = checkpoint(bottleneck, *features, use_reentrant=False, **contexts)
        return result

    def _contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _without_statistics(self.norm1)


@contextmanager
def _without_statistics(norm: nn.BatchNorm2d) -> Iterator[None]:
    """Inside, `norm` adds a batch, which it has counted before, to copies of its running statistics."""
    statistics = dict(norm.named_buffers())
    for name, buffer in statistics.items():
        setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for name, buffer in statistics.items():
            setattr(norm, name, buffer)


class _DenseBlock(nn.ModuleDict):
    """Layers that each get the input and the outputs of all layers before (figure 1).

    Shape:
        `(N, num_input_features, H, W)` to `(N, num_input_features + num_layers * growth_rate, H, W)`.
    """

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for index in range(num_layers):
            channels = num_input_features + index * growth_rate
            self[f"denselayer{index + 1}"] = _DenseLayer(channels, growth_rate, bn_size, drop_rate, memory_efficient)

    def forward(self, init_features: Tensor) -> Tensor:
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class _Transition(nn.Sequential):
    """Reduces channels and halves the resolution between two blocks (section 3, pooling layers, compression).

    Shape:
        `(N, num_input_features, H, W)` to `(N, num_output_features, H // 2, W // 2)`.
    """

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(ClassificationNetwork):
    """A DenseNet-BC of any depth (table 1).

    State dicts with the names of layers that PyTorch once allowed (`norm.1` for `norm1`) load as well.

    Args:
        growth_rate: Channels that each layer adds, k in the paper.
        block_config: Layers in each block.
        num_init_features: Channels of the first convolution.
        bn_size: Channels between the two convolutions of a layer, in growth rates.
        drop_rate: Probability that an element of a layer's output is dropped in training.
        num_classes: Width of the classifier.
        memory_efficient: Keep less memory for the backward pass and compute more in it, to the same result.

    Shape:
        Images `(N, 3, H, W)` to scores `(N, num_classes)`. Four blocks, as in the paper, need 29 x 29 pixels or more.

    Raises:
        ValueError: An argument cannot be a network, or images are smaller.

    Example:
        >>> import torch
        >>> from zoo_classification import DenseNet
        >>> DenseNet(block_config=(1, 1), num_classes=10)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier",)

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0.0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        _check(block_config, drop_rate)
        require_positive(growth_rate=growth_rate, num_init_features=num_init_features, bn_size=bn_size)
        require_positive(num_classes=num_classes)
        self.features = nn.Sequential(
            OrderedDict[str, nn.Module](
                conv0=nn.Conv2d(3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(num_init_features),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            )
        )
        channels = num_init_features
        for index, num_layers in enumerate(block_config, start=1):
            block = _DenseBlock(num_layers, channels, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{index}", block)
            channels += num_layers * growth_rate
            if index < len(block_config):
                self.features.add_module(f"transition{index}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        self.num_features, self.num_classes = channels, num_classes
        self._smallest = 2 ** (len(block_config) + 1) - 3  # one pixel is left for the last block
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.classifier(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        require_image_size(images, self._smallest)
        return nn.functional.relu(self.features(images), inplace=True)

    def _pool(self, features: Tensor) -> Tensor:
        return torch.flatten(nn.functional.adaptive_avg_pool2d(features, 1), 1)


def _check(block_config: Sequence[int], drop_rate: float) -> None:
    if not block_config or min(block_config) < 1:
        raise ValueError(f"block_config should be positive integers, one a block, found {block_config}")
    if not 0 <= drop_rate <= 1:
        raise ValueError(f"drop_rate should be between 0 and 1, found {drop_rate}")


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
    elif isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


@builder(catalogue.DenseNet121_Weights.IMAGENET1K_V1)
def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet-121 (table 1)."""
    return DenseNet(32, (6, 12, 24, 16), 64, **kwargs)


@builder(catalogue.DenseNet161_Weights.IMAGENET1K_V1)
def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet-161 (the authors' wider model, growth rate 48)."""
    return DenseNet(48, (6, 12, 36, 24), 96, **kwargs)


@builder(catalogue.DenseNet169_Weights.IMAGENET1K_V1)
def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet-169 (table 1)."""
    return DenseNet(32, (6, 12, 32, 32), 64, **kwargs)


@builder(catalogue.DenseNet201_Weights.IMAGENET1K_V1)
def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet-201 (table 1)."""
    return DenseNet(32, (6, 12, 48, 32), 64, **kwargs)
