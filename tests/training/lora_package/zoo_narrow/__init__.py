"""Narrow transformers for images of 32 pixels: a package as anybody may write it, whose models train in a second."""

from typing import Any

from zoo_classification import PatchMergingV2, SwinTransformer, SwinTransformerBlockV2, VisionTransformer
from zoo_core.building import builder

from .catalogue.narrow import Swin_Narrow_Weights, Swin_V2_Narrow_Weights, ViT_Narrow_Weights

SWIN: dict[str, Any] = {"patch_size": [4, 4], "embed_dim": 16, "depths": [1, 2], "num_heads": [2, 4]}


@builder(ViT_Narrow_Weights.V1)
def vit_narrow(**kwargs: Any) -> VisionTransformer:
    """Build a narrow Vision Transformer."""
    return VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, **kwargs)


@builder(Swin_Narrow_Weights.V1)
def swin_narrow(**kwargs: Any) -> SwinTransformer:
    """Build a narrow Swin Transformer."""
    return SwinTransformer(**SWIN, window_size=[4, 4], **kwargs)


@builder(Swin_V2_Narrow_Weights.V1)
def swin_v2_narrow(**kwargs: Any) -> SwinTransformer:
    """Build a narrow Swin Transformer V2."""
    return SwinTransformer(
        **SWIN, window_size=[4, 4], block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2, **kwargs
    )
