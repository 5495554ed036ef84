"""The smallest networks of the families that attend, with no parameter left at zero."""

from collections.abc import Callable

import torch
from torch import nn

from zoo_classification import MaxVit, SwinTransformer, VisionTransformer
from zoo_classification._swin_transformer import PatchMergingV2, SwinTransformerBlockV2
from zoo_video import MSBlockConfig, MViT, SwinTransformer3d


def _swin(**kwargs: object) -> SwinTransformer:
    return SwinTransformer([4, 4], 8, depths=[2], num_heads=[2], window_size=[3, 3], num_classes=5, **kwargs)  # type: ignore[arg-type]


def _swin_v2() -> SwinTransformer:
    return _swin(block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2)


def _swin_3d() -> SwinTransformer3d:
    return SwinTransformer3d([2, 4, 4], 8, [2], [2], window_size=[2, 3, 3], num_classes=5)


def _vit() -> VisionTransformer:
    return VisionTransformer(16, 4, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=5)


def _maxvit() -> MaxVit:
    return MaxVit((28, 28), 8, 7, [8], [1], head_dim=4, stochastic_depth_prob=0.0, num_classes=5)


def _mvit(*, second: bool) -> MViT:
    blocks = [
        MSBlockConfig(1, 8, 8, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 2, 2]),
        MSBlockConfig(2, 8, 16, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 1, 1]),
    ]
    return MViT(
        (16, 16), 4, blocks, residual_pool=second, residual_with_cls_embed=False, rel_pos_embed=second,
        proj_after_attn=second, num_classes=5,
    )  # fmt: skip


ATTENDING: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "swin": (_swin, (3, 20, 28)),
    "swin_v2": (_swin_v2, (3, 20, 28)),
    "swin3d": (_swin_3d, (3, 5, 20, 28)),
    "vit": (_vit, (3, 16, 16)),
    "maxvit": (_maxvit, (3, 28, 28)),
    "mvit_v1": (lambda: _mvit(second=False), (3, 4, 16, 16)),
    "mvit_v2": (lambda: _mvit(second=True), (3, 4, 16, 16)),
}
"""What makes each, and the shape of one input; the windows of Swin Transformers are padded."""


def attending(name: str) -> tuple[nn.Module, torch.Tensor]:
    """Build a network in evaluation mode, and two inputs for it."""
    make, shape = ATTENDING[name]
    torch.manual_seed(0)
    network = make().eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    return network, torch.rand(2, *shape)
