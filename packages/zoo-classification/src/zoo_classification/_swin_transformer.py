"""Swin Transformer and Swin Transformer V2.

Ze Liu, Yutong Lin, Yue Cao, Han Hu, Yixuan Wei, Zheng Zhang, Stephen Lin, Baining Guo: Swin Transformer: Hierarchical
Vision Transformer using Shifted Windows, 2021, arXiv:2103.14030.
Ze Liu, Han Hu, Yutong Lin, Zhuliang Yao, Zhenda Xie, Yixuan Wei, Jia Ning, Yue Cao, Zheng Zhang, Li Dong, Furu Wei,
Baining Guo: Swin Transformer V2: Scaling Up Capacity and Resolution, 2021, arXiv:2111.09883.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from zoo_core.building import build, builder
from zoo_core.layers import (
    PatchMerging,
    Permute,
    SwinTransformerBlock,
    initialise_linear,
    require_image_size,
    require_positive,
    swin_stages,
)

from ._shifted_window import PatchMergingV2, SwinTransformerBlockV2
from .catalogue.swin_transformer import (
    Swin_B_Weights,
    Swin_S_Weights,
    Swin_T_Weights,
    Swin_V2_B_Weights,
    Swin_V2_S_Weights,
    Swin_V2_T_Weights,
)


class SwinTransformer(nn.Module):
    """A Swin Transformer of either version (figure 3a of the first paper).

    Args:
        patch_size: Pixels of a patch, as height and width.
        embed_dim: Channels of the first stage; each stage has twice as many as the one before.
        depths: Blocks in each stage.
        num_heads: Attention heads in each stage.
        window_size: Tokens of a window, as height and width; every second block shifts its windows by half of it.
        mlp_ratio: Hidden channels of the perceptrons, as a multiple of their input's.
        dropout: Probability that an element of a branch is dropped in training.
        attention_dropout: Probability that an attention weight is dropped in training.
        stochastic_depth_prob: Probability that a branch of the last block is dropped in training; it rises from 0.
        num_classes: Width of the classifier.
        norm_layer: Called with a number of channels; `nn.LayerNorm` if not given.
        block: Builds a block; `SwinTransformerBlock` if not given.
        downsample_layer: Builds what is between two stages, from channels and `norm_layer`.

    Shape:
        Images `(N, 3, H, W)`, at least as high and wide as a patch, to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network, or images are too small.

    Example:
        >>> network = SwinTransformer([4, 4], 24, depths=[1, 2], num_heads=[2, 4], window_size=[7, 7], num_classes=10)
        >>> network(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("head",)

    def __init__(
        self,
        patch_size: Sequence[int],
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: Callable[..., nn.Module] | None = None,
        block: Callable[..., nn.Module] | None = None,
        downsample_layer: Callable[..., nn.Module] = PatchMerging,
    ) -> None:
        super().__init__()
        require_positive(embed_dim=embed_dim, num_classes=num_classes)
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        self.num_classes = num_classes
        self.patch_size = _checked_patch_size(patch_size)
        build_block = partial(
            block or SwinTransformerBlock,
            mlp_ratio=mlp_ratio,
            dropout=dropout,
            attention_dropout=attention_dropout,
            norm_layer=norm_layer,
        )
        merge = partial(downsample_layer, norm_layer=norm_layer)
        stages = swin_stages(embed_dim, depths, num_heads, window_size, stochastic_depth_prob, build_block, merge)
        channels = embed_dim * 2 ** (len(depths) - 1)
        self.features = nn.Sequential(_patch_embedding(self.patch_size, embed_dim, norm_layer), *stages)
        self.norm = norm_layer(channels)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(channels, num_classes)
        self.apply(initialise_linear)

    def forward(self, images: Tensor) -> Tensor:
        """Score images, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        require_image_size(images, max(self.patch_size))
        features = self.permute(self.norm(self.features(images)))
        scores: Tensor = self.head(self.flatten(self.avgpool(features)))
        return scores


def _checked_patch_size(patch_size: Sequence[int]) -> tuple[int, int]:
    if len(patch_size) != 2 or min(patch_size) < 1:
        raise ValueError(f"patch_size should be 2 positive integers, found {list(patch_size)}")
    return patch_size[0], patch_size[1]


def _patch_embedding(patch_size: tuple[int, int], channels: int, norm_layer: Callable[..., nn.Module]) -> nn.Module:
    convolution = nn.Conv2d(3, channels, kernel_size=patch_size, stride=patch_size)
    return nn.Sequential(convolution, Permute([0, 2, 3, 1]), norm_layer(channels))


@builder(weights=Swin_T_Weights.IMAGENET1K_V1)
def swin_t(*, weights: Swin_T_Weights | str | None = None, progress: bool = True, **kwargs: Any) -> SwinTransformer:
    """Swin Transformer, tiny (first paper, section 3.3).

    Args:
        weights: A member of `Swin_T_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        **kwargs: Passed on to `SwinTransformer`.

    Example:
        >>> swin_t(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build(
        SwinTransformer,
        patch_size=[4, 4],
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=[7, 7],
        stochastic_depth_prob=0.2,
        weights=weights,
        progress=progress,
        **kwargs,
    )


@builder(weights=Swin_S_Weights.IMAGENET1K_V1)
def swin_s(*, weights: Swin_S_Weights | str | None = None, progress: bool = True, **kwargs: Any) -> SwinTransformer:
    """Swin Transformer, small (first paper, section 3.3).

    Args:
        weights: A member of `Swin_S_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        **kwargs: Passed on to `SwinTransformer`.

    Example:
        >>> swin_s(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build(
        SwinTransformer,
        patch_size=[4, 4],
        embed_dim=96,
        depths=[2, 2, 18, 2],
        num_heads=[3, 6, 12, 24],
        window_size=[7, 7],
        stochastic_depth_prob=0.3,
        weights=weights,
        progress=progress,
        **kwargs,
    )


@builder(weights=Swin_B_Weights.IMAGENET1K_V1)
def swin_b(*, weights: Swin_B_Weights | str | None = None, progress: bool = True, **kwargs: Any) -> SwinTransformer:
    """Swin Transformer, base (first paper, section 3.3).

    Args:
        weights: A member of `Swin_B_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        **kwargs: Passed on to `SwinTransformer`.

    Example:
        >>> swin_b(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build(
        SwinTransformer,
        patch_size=[4, 4],
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        window_size=[7, 7],
        stochastic_depth_prob=0.5,
        weights=weights,
        progress=progress,
        **kwargs,
    )


@builder(weights=Swin_V2_T_Weights.IMAGENET1K_V1)
def swin_v2_t(
    *, weights: Swin_V2_T_Weights | str | None = None, progress: bool = True, **kwargs: Any
) -> SwinTransformer:
    """Swin Transformer V2, tiny (first paper, section 3.3, with the blocks of the second).

    Args:
        weights: A member of `Swin_V2_T_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        **kwargs: Passed on to `SwinTransformer`.

    Example:
        >>> swin_v2_t(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build(
        SwinTransformer,
        patch_size=[4, 4],
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=[8, 8],
        stochastic_depth_prob=0.2,
        block=SwinTransformerBlockV2,
        downsample_layer=PatchMergingV2,
        weights=weights,
        progress=progress,
        **kwargs,
    )


@builder(weights=Swin_V2_S_Weights.IMAGENET1K_V1)
def swin_v2_s(
    *, weights: Swin_V2_S_Weights | str | None = None, progress: bool = True, **kwargs: Any
) -> SwinTransformer:
    """Swin Transformer V2, small (first paper, section 3.3, with the blocks of the second).

    Args:
        weights: A member of `Swin_V2_S_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        **kwargs: Passed on to `SwinTransformer`.

    Example:
        >>> swin_v2_s(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build(
        SwinTransformer,
        patch_size=[4, 4],
        embed_dim=96,
        depths=[2, 2, 18, 2],
        num_heads=[3, 6, 12, 24],
        window_size=[8, 8],
        stochastic_depth_prob=0.3,
        block=SwinTransformerBlockV2,
        downsample_layer=PatchMergingV2,
        weights=weights,
        progress=progress,
        **kwargs,
    )


@builder(weights=Swin_V2_B_Weights.IMAGENET1K_V1)
def swin_v2_b(
    *, weights: Swin_V2_B_Weights | str | None = None, progress: bool = True, **kwargs: Any
) -> SwinTransformer:
    """Swin Transformer V2, base (first paper, section 3.3, with the blocks of the second).

    Args:
        weights: A member of `Swin_V2_B_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        **kwargs: Passed on to `SwinTransformer`.

    Example:
        >>> swin_v2_b(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build(
        SwinTransformer,
        patch_size=[4, 4],
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        window_size=[8, 8],
        stochastic_depth_prob=0.5,
        block=SwinTransformerBlockV2,
        downsample_layer=PatchMergingV2,
        weights=weights,
        progress=progress,
        **kwargs,
    )
