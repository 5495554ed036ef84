"""RAFT.

Zachary Teed, Jia Deng: RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, 2020, arXiv:2003.12039:
upsampling in section 3.3 and figure 3.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core.building import builder
from zoo_core.layers import ConvNormActivation, NotScriptable, is_as_written, require_positive

from ._correlation import CorrBlock
from ._encoder import BottleneckBlock, FeatureEncoder
from ._update import FlowHead, MotionEncoder, RecurrentBlock, Update, UpdateBlock, is_plain_convolution
from .catalogue.raft import Raft_Large_Weights, Raft_Small_Weights

FACTOR = 8
"""By how much flow is upsampled in height and width."""


class MaskPredictor(nn.Module):
    """Predicts from the hidden state how each pixel of the full resolution mixes 9 of the coarse flow.

    Args:
        in_channels: Channels of the hidden state.
        hidden_size: Channels in between.
        multiplier: Scales the output, and so the gradients.

    Shape:
        `(N, in_channels, H, W)` to `(N, 9 * 64, H, W)`: logits of 9 neighbours for each of 8 x 8 pixels.
    """

    def __init__(self, *, in_channels: int, hidden_size: int = 256, multiplier: float = 0.25) -> None:
        super().__init__()
        self.convrelu = ConvNormActivation(in_channels, hidden_size, 3, norm_layer=None)
        self.conv = nn.Conv2d(hidden_size, 9 * FACTOR**2, 1)
        self.multiplier = multiplier

    def forward(self, x: Tensor) -> Tensor:
        """Predict from `x`."""
        features, conv = self.convrelu(x), self.conv
        if not is_plain_convolution(conv):
            scaled: Tensor = self.multiplier * conv(features)
            return scaled
        weight, bias = self.multiplier * conv.weight, self.multiplier * cast("Tensor", conv.bias)
        return F.conv2d(features, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)


def upsample(flow: Tensor, mask: Tensor | None) -> Tensor:
    """Bring a flow from an eighth of the resolution to the full one.

    Args:
        flow: `(N, 2, H, W)`, in pixels of its own resolution.
        mask: Logits `(N, 9 * 64, H, W)`, neighbours before pixels; each pixel becomes a convex combination of 9. `None`
            for bilinear interpolation.

    Returns:
        `(N, 2, 8 * H, 8 * W)`, in pixels of the full resolution.
    """
    batch, _, height, width = flow.shape
    flow = FACTOR * flow
    if mask is None:
        return F.interpolate(flow, scale_factor=float(FACTOR), mode="bilinear", align_corners=True)
    pixels = batch * height * width
    neighbours = F.unfold(flow, 3, padding=1).view(batch, 2, 9, -1).permute(0, 3, 1, 2).reshape(pixels, 2, 9)
    shares = mask.permute(0, 2, 3, 1).reshape(pixels, 9, FACTOR**2).softmax(dim=1)
    fine = torch.bmm(neighbours.contiguous(), shares).view(batch, height, width, 2, FACTOR, FACTOR)
    return fine.permute(0, 3, 1, 4, 2, 5).reshape(batch, 2, FACTOR * height, FACTOR * width)


class RAFT(NotScriptable, nn.Module):
    """A RAFT of any parts.

    Args:
        feature_encoder: From images `(N, 3, H, W)` to the features `(N, C, H / 8, W / 8)` that are compared.
        context_encoder: From the first image to features of the same size, of which the first
            `update_block.hidden_state_size` channels start the hidden state and the others are the context.
        corr_block: Has `build_pyramid` and `index_pyramid` as `CorrBlock` has them. One that keeps its pyramid itself,
            as torchvision's does, is asked for the points alone. `min_fmap_size`, if any, is the least height and width
            of features.
        update_block: Called with hidden state, context, correlations and flow, gives the next hidden state and the
            change of the flow; `hidden_state_size` tells its width. An `UpdateBlock` computes what depends on the
            context alone once.
        mask_predictor: From the hidden state to the weights by which a pixel mixes 9 of the coarse flow, as
            `MaskPredictor` gives them; `None` to interpolate bilinearly.

    Shape:
        Two images `(N, 3, H, W)` in [-1, 1], to a list of flows `(N, 2, H, W)` in pixels, each better than the one
        before: what is at `(x, y)` in the first image is at `(x + flow[:, 0], y + flow[:, 1])` in the second.

    Raises:
        ValueError: The update block has no `hidden_state_size`. When called: the images differ in shape, or their
            height or width is not a multiple of 8, or is less than 128 (`zoo_flow.padding` helps).

    Example:
        >>> import torch
        >>> from zoo_flow import raft_small
        >>> image1, image2 = torch.zeros(1, 3, 128, 160), torch.zeros(1, 3, 128, 160)
        >>> flows = raft_small().eval()(image1, image2, num_flow_updates=2)
        >>> [tuple(flow.shape) for flow in flows]
        [(1, 2, 128, 160), (1, 2, 128, 160)]
    """

    def __init__(
        self,
        *,
        feature_encoder: nn.Module,
        context_encoder: nn.Module,
        corr_block: Any,
        update_block: nn.Module,
        mask_predictor: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if not hasattr(update_block, "hidden_state_size"):
            raise ValueError(
                "update_block should have an attribute hidden_state_size, the number of channels of the hidden state, "
                f"but {type(update_block).__name__} has none"
            )
        self.feature_encoder = feature_encoder
        self.context_encoder = context_encoder
        self.corr_block = corr_block
        self.update_block = update_block
        self.mask_predictor = mask_predictor

    def forward(
        self, image1: Tensor, image2: Tensor, num_flow_updates: int = 12, *, all_flows: bool = True
    ) -> list[Tensor]:
        """Estimate the flow from the first image to the second.

        Args:
            image1: `(N, 3, H, W)`, in [-1, 1].
            image2: The same.
            num_flow_updates: Number of iterations, at least 1.
            all_flows: Return the flow after each iteration, which training needs, or the last one alone.
        """
        self._check(image1, image2, num_flow_updates)
        look_up = self._correlate(image1, image2)
        hidden, update = self._start(image1)
        origin = _pixel_coordinates(hidden, image1.dtype)
        flow = torch.zeros_like(origin)
        flows = []
        for step in range(1, num_flow_updates + 1):
            flow = flow.detach()  # each iteration learns from its own change alone (section 3.3)
            hidden, change = update(hidden, look_up(origin + flow), flow)
            flow = flow + change
            if all_flows or step == num_flow_updates:
                flows.append(upsample(flow, None if self.mask_predictor is None else self.mask_predictor(hidden)))
        if isinstance(self.corr_block, CorrBlock):
            self.corr_block.forget_pyramid()
        return flows

    def _correlate(self, image1: Tensor, image2: Tensor) -> Callable[[Tensor], Tensor]:
        """Return what looks up the correlations around points."""
        features = self.feature_encoder(torch.cat([image1, image2]))
        _check_features("feature_encoder", features, image1)
        batch = image1.shape[0]
        pyramid = self.corr_block.build_pyramid(features[:batch], features[batch:])
        given = () if pyramid is None or not _takes_pyramid(self.corr_block) else (pyramid,)
        return lambda points: self.corr_block.index_pyramid(points, *given)

    def _start(self, image1: Tensor) -> tuple[Tensor, Update]:
        """Return the first hidden state, and the update for the context."""
        features = self.context_encoder(image1)
        _check_features("context_encoder", features, image1)
        size = cast("int", self.update_block.hidden_state_size)
        if features.shape[1] <= size:
            raise ValueError(
                f"context_encoder should give more channels than the hidden state has, {size}, found "
                f"{features.shape[1]}"
            )
        hidden, context = features[:, :size].tanh(), features[:, size:].relu()
        if isinstance(self.update_block, UpdateBlock) and is_as_written(self.update_block, UpdateBlock):
            return hidden, self.update_block.with_context(context)
        return hidden, lambda hidden, correlations, flow: self.update_block(hidden, context, correlations, flow)

    def _check(self, image1: Tensor, image2: Tensor, num_flow_updates: int) -> None:
        if image1.shape != image2.shape:
            raise ValueError(
                f"input images should have the same shape, found {list(image1.shape)} and {list(image2.shape)}"
            )
        height, width = image1.shape[-2], image1.shape[-1]
        smallest = FACTOR * getattr(self.corr_block, "min_fmap_size", 1)
        if height % FACTOR or width % FACTOR or height < smallest or width < smallest:
            raise ValueError(
                f"height and width of images should be multiples of {FACTOR} and at least {smallest} pixels, found "
                f"{height} x {width}: zoo_flow.padding.pad_images brings images to such a size and the flow back"
            )
        require_positive(num_flow_updates=num_flow_updates)


def _takes_pyramid(corr_block: Any) -> bool:
    """Tell whether correlations are looked up in a pyramid that is given; in torchvision it is one that is kept."""
    if getattr(corr_block.index_pyramid, "__func__", None) is CorrBlock.index_pyramid:
        return True  # without looking at signatures, which programs cannot be recorded with
    return len(inspect.signature(corr_block.index_pyramid).parameters) > 1


def _check_features(encoder: str, features: Tensor, images: Tensor) -> None:
    expected = (images.shape[-2] // FACTOR, images.shape[-1] // FACTOR)
    if features.shape[-2:] != expected:
        raise ValueError(
            f"{encoder} should give features at an eighth of the resolution, {expected[0]} x {expected[1]}, found "
            f"{features.shape[-2]} x {features.shape[-1]}"
        )


def _pixel_coordinates(features: Tensor, dtype: torch.dtype) -> Tensor:
    """Return x and y of each pixel, `(N, 2, H, W)`."""
    batch, _, height, width = features.shape
    x = torch.arange(width, device=features.device, dtype=dtype).expand(height, -1)
    y = torch.arange(height, device=features.device, dtype=dtype)[:, None].expand(-1, width)
    return torch.stack([x, y]).expand(batch, -1, -1, -1)


def _corr_block(parts: dict[str, Any], radius: int) -> Any:
    given = parts.pop("corr_block", None)
    return CorrBlock(num_levels=4, radius=radius) if given is None else given


def _assemble(corr_block: Any, defaults: Mapping[str, Callable[[], nn.Module]], parts: Mapping[str, Any]) -> RAFT:
    """Build a network of `parts`, and of the defaults for what is not among them."""
    missing = {name: default() for name, default in defaults.items() if parts.get(name) is None}
    return RAFT(corr_block=corr_block, **{**parts, **missing})


@builder(Raft_Large_Weights.C_T_SKHT_V2, num_classes=0)
def raft_large(**kwargs: Any) -> RAFT:
    """RAFT (figure 9 of the paper's appendix).

    Args:
        **kwargs: Parts of `RAFT` that replace its own.
    """
    corr_block = _corr_block(kwargs, radius=4)

    def update_block() -> UpdateBlock:
        return UpdateBlock(
            motion_encoder=MotionEncoder(in_channels_corr=corr_block.out_channels),
            recurrent_block=RecurrentBlock(input_size=128 + 128, hidden_size=128, kernel_size=((1, 5), (5, 1))),
            flow_head=FlowHead(in_channels=128, hidden_size=256),
        )

    defaults: dict[str, Callable[[], nn.Module]] = {
        "feature_encoder": FeatureEncoder,
        "context_encoder": partial(FeatureEncoder, norm_layer=nn.BatchNorm2d),
        "update_block": update_block,
        "mask_predictor": partial(MaskPredictor, in_channels=128),
    }
    return _assemble(corr_block, defaults, kwargs)


@builder(Raft_Small_Weights.C_T_V2, num_classes=0)
def raft_small(**kwargs: Any) -> RAFT:
    """RAFT with a fifth of the parameters, which interpolates its flow bilinearly (figure 10 of the paper's appendix).

    Args:
        **kwargs: Parts of `RAFT` that replace its own.
    """
    corr_block = _corr_block(kwargs, radius=3)

    def update_block() -> UpdateBlock:
        return UpdateBlock(
            motion_encoder=MotionEncoder(
                in_channels_corr=corr_block.out_channels, corr_layers=(96,), flow_layers=(64, 32), out_channels=82
            ),
            recurrent_block=RecurrentBlock(input_size=64 + 82, hidden_size=96, kernel_size=((3, 3),)),
            flow_head=FlowHead(in_channels=96, hidden_size=128),
        )

    encoder = partial(FeatureEncoder, block=BottleneckBlock)
    defaults: dict[str, Callable[[], nn.Module]] = {
        "feature_encoder": partial(encoder, layers=(32, 32, 64, 96, 128)),
        "context_encoder": partial(encoder, layers=(32, 32, 64, 96, 160), norm_layer=None),
        "update_block": update_block,
    }
    return _assemble(corr_block, defaults, kwargs)
