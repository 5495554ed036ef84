"""RAFT beyond what the recorded layouts and outputs show."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference.fill import fill_, unit_image
from zoo_flow import (
    RAFT,
    BottleneckBlock,
    ConvGRU,
    CorrBlock,
    FeatureEncoder,
    FlowHead,
    MaskPredictor,
    MotionEncoder,
    RecurrentBlock,
    UpdateBlock,
    raft_large,
    raft_small,
)
from zoo_flow._encoder import instance_norm
from zoo_flow._raft import upsample
from zoo_flow.training import sequence_loss

BUILDERS = pytest.mark.parametrize("builder", [raft_large, raft_small])


def images(height: int = 128, width: int = 136, batch: int = 1) -> tuple[Tensor, Tensor]:
    first, second = (unit_image((batch, 3, height, width), seed) * 2 - 1 for seed in (0, 1))
    return first, second


def narrow(num_levels: int = 4, **parts: Any) -> RAFT:
    """Build a RAFT that costs next to nothing."""
    corr_block = CorrBlock(num_levels=num_levels, radius=1)
    update_block = UpdateBlock(
        motion_encoder=MotionEncoder(
            in_channels_corr=corr_block.out_channels, corr_layers=(8,), flow_layers=(8, 8), out_channels=10
        ),
        recurrent_block=RecurrentBlock(input_size=22, hidden_size=8, kernel_size=((3, 3), (1, 5))),
        flow_head=FlowHead(in_channels=8, hidden_size=8),
    )
    own: dict[str, Any] = {
        "feature_encoder": FeatureEncoder(block=BottleneckBlock, layers=(8, 8, 8, 8, 8)),
        "context_encoder": FeatureEncoder(layers=(8, 8, 8, 8, 20), norm_layer=nn.BatchNorm2d),
        "corr_block": corr_block,
        "update_block": update_block,
        "mask_predictor": MaskPredictor(in_channels=8, hidden_size=8),
    }
    return RAFT(**{**own, **parts})


# The network


@BUILDERS
@pytest.mark.parametrize(("height", "width"), [(128, 128), (136, 200)])
def test_flows_have_the_size_of_the_images(builder: Any, height: int, width: int) -> None:
    with torch.inference_mode():
        flows = builder().eval()(*images(height, width, batch=2), num_flow_updates=2)
    assert [flow.shape for flow in flows] == [(2, 2, height, width)] * 2


@pytest.mark.parametrize(
    ("height", "width"), [(132, 136), (136, 132), (127, 128), (128, 127), (120, 128), (128, 120), (64, 64), (436, 1024)]
)
def test_a_size_that_does_not_fit_is_an_error_that_names_both_sizes(height: int, width: int) -> None:
    message = rf"multiples of 8 and at least 128 pixels, found {height} x {width}: zoo_flow\.padding"
    with pytest.raises(ValueError, match=message):
        raft_small()(*images(height, width))


def test_fewer_scales_take_smaller_images() -> None:
    network = narrow(num_levels=2).eval()
    assert network(*images(32, 40), num_flow_updates=1)[0].shape == (1, 2, 32, 40)
    with pytest.raises(ValueError, match="at least 32 pixels, found 24 x 40"):
        network(*images(24, 40))


def test_images_of_different_shapes_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"should have the same shape, found \[1, 3, 128, 128\] and \[1, 3, 128, 136\]"
    ):
        narrow()(torch.zeros(1, 3, 128, 128), torch.zeros(1, 3, 128, 136))


def test_every_iteration_gives_a_flow_and_more_go_on_from_fewer() -> None:
    network = fill_(narrow())
    with torch.inference_mode():
        three, five = (network(*images(), num_flow_updates=count) for count in (3, 5))
        last = network(*images(), num_flow_updates=5, all_flows=False)
    assert (len(three), len(five), len(last)) == (3, 5, 1)
    assert all(torch.equal(flow, other) for flow, other in zip(three, five, strict=False))
    assert torch.equal(last[0], five[-1])
    assert not torch.equal(five[-2], five[-1])


def test_twelve_iterations_are_the_default() -> None:
    with torch.inference_mode():
        assert len(narrow().eval()(*images())) == 12


def test_no_iteration_is_refused() -> None:
    with pytest.raises(ValueError, match="num_flow_updates should be a positive integer, found 0"):
        narrow()(*images(), num_flow_updates=0)


def test_images_of_a_batch_do_not_influence_each_other() -> None:
    network = fill_(narrow())
    first, second = images(batch=3)
    with torch.inference_mode():
        together = network(first, second, num_flow_updates=3)[-1]
        alone = network(first[1:2], second[1:2], num_flow_updates=3)[-1]
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-4)


@BUILDERS
def test_training_reaches_every_parameter(builder: Any) -> None:
    torch.manual_seed(0)
    network = builder().train()
    flows = network(*images(), num_flow_updates=2)
    sequence_loss(flows, torch.ones_like(flows[0])).backward()
    missing = {name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()}
    before_norms = {name for name in missing if name.startswith("feature_encoder") and name.endswith("bias")}
    assert missing - before_norms == set()  # norms without parameters take biases away again


def test_gradients_do_not_flow_from_one_iteration_s_flow_into_the_next() -> None:
    seen: list[Tensor] = []

    class Update(nn.Module):
        hidden_state_size = 8

        def forward(self, hidden: Tensor, context: Tensor, corr: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(flow)
            return hidden, hidden[:, :2]

    narrow(update_block=Update(), mask_predictor=None).train()(*images(), num_flow_updates=3)
    assert [flow.requires_grad for flow in seen] == [False] * 3
    assert not seen[0].any()
    assert seen[1].any()


def test_an_update_block_of_one_s_own_is_called_with_state_context_correlations_and_flow() -> None:
    class Wrapped(nn.Module):
        def __init__(self, inner: UpdateBlock) -> None:
            super().__init__()
            self.inner = inner
            self.hidden_state_size = inner.hidden_state_size

        def forward(self, hidden_state: Tensor, context: Tensor, corr: Tensor, flow: Tensor) -> Any:
            return self.inner(hidden_state, context, corr, flow)

    network = fill_(narrow())
    with torch.inference_mode():
        expected = network(*images(), num_flow_updates=3)[-1]
        network.update_block = Wrapped(network.update_block)  # type: ignore[arg-type]
        torch.testing.assert_close(network(*images(), num_flow_updates=3)[-1], expected)


def test_a_correlation_block_may_keep_its_pyramid_itself() -> None:
    class Keeping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = CorrBlock(num_levels=4, radius=1)
            self.pyramid: list[Tensor] = []

        def build_pyramid(self, fmap1: Tensor, fmap2: Tensor) -> None:
            self.pyramid = self.inner.build_pyramid(fmap1, fmap2)

        def index_pyramid(self, centroids_coords: Tensor) -> Tensor:
            return self.inner.index_pyramid(centroids_coords, self.pyramid)

    network = fill_(narrow())
    with torch.inference_mode():
        expected = network(*images(), num_flow_updates=3)[-1]
        network.corr_block = Keeping()
        assert torch.equal(network(*images(), num_flow_updates=3)[-1], expected)


@BUILDERS
def test_builders_take_parts_of_one_s_own(builder: Any) -> None:
    corr_block = CorrBlock(num_levels=2, radius=2)
    network = builder(corr_block=corr_block, mask_predictor=None)
    assert network.corr_block is corr_block
    assert network.update_block.motion_encoder.convcorr1[0].in_channels == 2 * 25
    assert network.feature_encoder.output_dim == (256 if builder is raft_large else 128)
    with pytest.raises(TypeError, match="encoder_of_features"):
        builder(encoder_of_features=None)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"update_block": nn.Identity()},
            "update_block should have an attribute hidden_state_size.* Identity has none",
        ),
        (
            {"context_encoder": FeatureEncoder(layers=(8, 8, 8, 8, 8))},
            "more channels than the hidden state has, 8, found 8",
        ),
        ({"context_encoder": nn.Conv2d(3, 20, 1)}, "context_encoder should .* an eighth .* 16 x 17, found 128 x 136"),
        ({"feature_encoder": nn.AvgPool2d(4)}, "feature_encoder should .* an eighth .* 16 x 17, found 32 x 34"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        narrow(**parts)(*images())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FeatureEncoder(layers=(8, 8)), "5 numbers of channels and strides 4 numbers, found 2 and 4"),
        (lambda: FeatureEncoder(strides=(2, 2)), "found 5 and 2"),
        (lambda: MotionEncoder(in_channels_corr=9, corr_layers=()), "corr_layers should be 1 or 2 .* found 0 and 2"),
        (lambda: RecurrentBlock(input_size=8, hidden_size=8, kernel_size=()), "1 or 2 units, found 0"),
        (lambda: CorrBlock(radius=0), "radius should be a positive integer, found 0"),
        (lambda: CorrBlock(num_levels=0), "num_levels should be a positive integer, found 0"),
    ],
)
def test_parts_of_other_shapes_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_it_computes_under_autocast() -> None:
    network = narrow().train()
    with torch.autocast("cpu", torch.bfloat16):
        flows = network(*images(), num_flow_updates=2)
        sequence_loss(flows, torch.zeros_like(flows[0])).backward()
    assert all(flow.isfinite().all() for flow in flows)


# The encoders


def test_encoders_start_from_the_distribution_of_the_reference() -> None:
    torch.manual_seed(0)
    convolutions = [module for module in raft_large().feature_encoder.modules() if isinstance(module, nn.Conv2d)]
    scaled = [module.weight * math.sqrt(module.weight[:, 0].numel() / 2) for module in convolutions]
    assert torch.cat([weight.flatten() for weight in scaled]).std().item() == pytest.approx(1, abs=0.005)
    assert all(module.bias is not None and module.bias.any() for module in convolutions)


def test_the_norm_of_features_is_instance_norm() -> None:
    features = torch.randn(2, 5, 7, 9) * 3 + 1
    torch.testing.assert_close(instance_norm(5)(features), F.instance_norm(features))
    assert not instance_norm(5).state_dict()


# Correlation


def sampled(block: CorrBlock, fmap1: Tensor, fmap2: Tensor, points: Tensor) -> Tensor:
    """Look up correlations with `grid_sample`, position by position."""
    batch, channels, height, width = fmap1.shape
    maps = torch.einsum("ncij,nckl->nijkl", fmap1, fmap2).reshape(-1, 1, height, width) / math.sqrt(channels)
    offsets = torch.arange(-block.radius, block.radius + 1.0)
    around = torch.stack(torch.meshgrid(offsets, offsets, indexing="ij"), dim=-1)
    levels = []
    for level in range(block.num_levels):
        positions = points.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2) / 2**level + around
        size = torch.tensor([maps.shape[3], maps.shape[2]])
        levels.append(F.grid_sample(maps, (2 * positions + 1) / size - 1, align_corners=False).flatten(1))
        maps = F.avg_pool2d(maps, 2)
    return torch.cat(levels, dim=1).view(batch, height, width, -1).permute(0, 3, 1, 2)


@pytest.mark.parametrize("radius", [1, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 23), (27, 18)])
def test_correlations_and_their_gradients_are_those_of_bilinear_sampling(height: int, width: int, radius: int) -> None:
    torch.manual_seed(0)
    block = CorrBlock(num_levels=4, radius=radius)
    points = torch.rand(2, 2, height, width) * 50 - 12
    fmaps = [torch.randn(2, 6, height, width, requires_grad=True) for _ in range(2)]
    expected = sampled(block, *fmaps, points)  # type: ignore[call-arg]
    found = block.index_pyramid(points, block.build_pyramid(*fmaps))
    assert found.shape == (2, block.out_channels, height, width)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    weights = torch.randn_like(expected)
    gradients = [torch.autograd.grad((values * weights).sum(), fmaps) for values in (found, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    with torch.no_grad():  # what is fetched without gradients comes another way
        assert torch.equal(block.index_pyramid(points, block.build_pyramid(*fmaps)), found)


@pytest.mark.parametrize("far", [1e3, -1e3, 1e30])
def test_far_beyond_the_map_there_are_zeros(far: float) -> None:
    block = CorrBlock(num_levels=4, radius=2)
    pyramid = block.build_pyramid(*torch.ones(2, 1, 4, 16, 16))
    assert not block.index_pyramid(torch.full((1, 2, 16, 16), far), pyramid).any()


def test_a_point_that_is_not_a_number_stays_one_and_spoils_no_other() -> None:
    block = CorrBlock(num_levels=4, radius=2)
    points = torch.zeros(1, 2, 16, 16)
    points[..., 3, 5] = float("nan")
    nans = block.index_pyramid(points, block.build_pyramid(*torch.ones(2, 1, 4, 16, 16))).isnan()
    assert nans[..., 3, 5].all()
    assert nans.sum() == block.out_channels


# The update


def test_the_recurrent_unit_is_that_of_the_equations() -> None:
    torch.manual_seed(0)
    unit = ConvGRU(input_size=11, hidden_size=6, kernel_size=(1, 5))
    hidden, context, motion = torch.randn(2, 6, 8, 9), torch.randn(2, 4, 8, 9), torch.randn(2, 7, 8, 9)
    given = torch.cat([context, motion], 1)
    z = torch.sigmoid(unit.convz(torch.cat([hidden, given], 1)))
    r = torch.sigmoid(unit.convr(torch.cat([hidden, given], 1)))
    q = torch.tanh(unit.convq(torch.cat([r * hidden, given], 1)))
    expected = (1 - z) * hidden + z * q
    torch.testing.assert_close(unit(hidden, given), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(unit.with_context(context)(hidden, motion), expected, rtol=1e-4, atol=1e-5)


def test_padding_is_that_of_the_convolutions_and_keeps_the_size_if_not_given() -> None:
    unit = ConvGRU(input_size=3, hidden_size=2, kernel_size=(1, 5), padding=(0, 2))
    assert unit.convz.padding == ConvGRU(input_size=3, hidden_size=2, kernel_size=(1, 5)).convz.padding == (0, 2)
    block = RecurrentBlock(input_size=3, hidden_size=2, kernel_size=((1, 5), (3, 3)), padding=((0, 2), (1, 1)))
    assert block(torch.zeros(1, 2, 7, 9), torch.zeros(1, 3, 7, 9)).shape == (1, 2, 7, 9)


# Overriding


class NoCorrelation(CorrBlock):
    """Overrides as a subclass of torchvision's does: the pyramid is kept, and has no place among the arguments."""

    def index_pyramid(self, centroids_coords: Tensor) -> Tensor:  # type: ignore[override]
        assert len(self.corr_pyramid) == self.num_levels
        return super().index_pyramid(centroids_coords) * self.share

    share = 0.0


class AnotherUnit(ConvGRU):
    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        return super().forward(h, x) * 0.5


class AnotherBlock(RecurrentBlock):
    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        return super().forward(h, x) * 0.5


class AnotherUpdate(UpdateBlock):
    def forward(
        self, hidden_state: Tensor, context: Tensor, corr_features: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        hidden_state, change = super().forward(hidden_state, context, corr_features, flow)
        return hidden_state, change * 0.5


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("corr_block", NoCorrelation),
        ("update_block", AnotherUpdate),
        ("update_block.recurrent_block", AnotherBlock),
        ("update_block.recurrent_block.convgru1", AnotherUnit),
    ],
)
def test_what_a_subclass_overrides_is_called(part: str, kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network = narrow().eval()
    with torch.inference_mode():
        (before,) = network(*images(), num_flow_updates=1)
        network.get_submodule(part).__class__ = kind
        (after,) = network(*images(), num_flow_updates=1)
    assert (before - after).abs().max() > 1e-4


def test_an_override_that_changes_nothing_gives_the_same_flow() -> None:
    torch.manual_seed(0)
    network = narrow().eval()
    same = type("Same", (NoCorrelation,), {"share": 1.0})
    with torch.inference_mode():
        before = network(*images(), num_flow_updates=2)
        network.corr_block.__class__ = same
        after = network(*images(), num_flow_updates=2)
    assert torch.equal(before[-1], after[-1])


def test_hooks_of_the_update_see_every_iteration() -> None:
    seen: list[int] = []
    network = narrow().eval()
    network.update_block.register_forward_hook(lambda *_: seen.append(1))
    with torch.inference_mode():
        network(*images(), num_flow_updates=3)
    assert len(seen) == 3


CONVOLUTIONS = pytest.mark.parametrize(
    "part",
    [f"update_block.recurrent_block.convgru1.conv{letter}" for letter in "zrq"] + ["mask_predictor.conv"],
)


def last_flow(network: RAFT) -> Tensor:
    flows: list[Tensor] = network(*images(), num_flow_updates=2)
    return flows[-1]


class Adapter(nn.Module):
    """Adds something to what a layer computes, as a low-rank adapter does."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.share = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.share * self.layer(x)
        return result


def put(network: nn.Module, part: str, layer: nn.Module) -> None:
    parent, _, name = part.rpartition(".")
    setattr(network.get_submodule(parent), name, layer)


@CONVOLUTIONS
def test_hooks_of_convolutions_are_called_and_change_nothing_else(part: str) -> None:
    torch.manual_seed(0)
    network, seen = narrow().eval(), []
    with torch.inference_mode():
        expected = last_flow(network)
        network.get_submodule(part).register_forward_hook(lambda *_: seen.append("after"))
        network.get_submodule(part).register_forward_pre_hook(lambda *_: seen.append("before"))
        torch.testing.assert_close(last_flow(network), expected, rtol=1e-4, atol=1e-4)
    assert seen == ["before", "after"] * 2


@CONVOLUTIONS
def test_hooks_of_all_modules_see_convolutions(part: str) -> None:
    network, seen = narrow().eval(), []
    handle = nn.modules.module.register_module_forward_hook(lambda module, *_: seen.append(module))
    try:
        with torch.inference_mode():
            last_flow(network)
    finally:
        handle.remove()
    assert network.get_submodule(part) in seen


@CONVOLUTIONS
def test_what_takes_the_place_of_a_convolution_counts_and_learns(part: str) -> None:
    torch.manual_seed(0)
    network = narrow().eval()
    before = last_flow(network).detach()
    adapter = Adapter(network.get_submodule(part))
    put(network, part, adapter)
    after = last_flow(network)
    after.square().mean().backward()
    assert (before - after).abs().max() > 1e-4
    assert adapter.share.grad is not None


@CONVOLUTIONS
@pytest.mark.parametrize(
    "normed", [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm], ids=["older", "parametrization"]
)
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_convolutions_with_normed_weights_learn_for_two_steps(part: str, normed: Any) -> None:
    torch.manual_seed(0)
    network = narrow()
    layer = normed(network.get_submodule(part))
    parameters = [parameter for parameter in layer.parameters() if parameter.ndim == 4]
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    for _ in range(2):
        before = [parameter.clone() for parameter in parameters]
        optimizer.zero_grad()
        last_flow(network).square().mean().backward()
        optimizer.step()
        assert all(not torch.equal(*pair) for pair in zip(before, parameters, strict=True))


@CONVOLUTIONS
@pytest.mark.parametrize("changed", [{"bias": False}, {"padding_mode": "circular"}])
def test_convolutions_of_another_kind_are_computed_as_they_are(part: str, changed: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = narrow().eval()
    old = network.get_submodule(part)
    assert isinstance(old, nn.Conv2d)
    same = {"kernel_size": old.kernel_size, "padding": old.padding}
    put(network, part, nn.Conv2d(old.in_channels, old.out_channels, **{**same, **changed}))
    with torch.inference_mode():
        found = last_flow(network)
        for child in network.update_block.recurrent_block.children():
            child.register_forward_hook(lambda *_: None)  # now it is called as it is written
        torch.testing.assert_close(found, last_flow(network), rtol=1e-4, atol=1e-4)


def test_a_convolution_of_another_padding_is_computed_as_it_is() -> None:
    torch.manual_seed(0)
    unit = ConvGRU(input_size=11, hidden_size=6, kernel_size=3)
    unit.convq = nn.Conv2d(17, 6, 5, padding=2)
    hidden, context, motion = torch.randn(2, 6, 8, 9), torch.randn(2, 4, 8, 9), torch.randn(2, 7, 8, 9)
    expected = unit(hidden, torch.cat([context, motion], 1))
    torch.testing.assert_close(unit.with_context(context)(hidden, motion), expected)


def test_another_module_may_be_a_unit_of_the_recurrent_block() -> None:
    network = narrow().eval()
    part = "update_block.recurrent_block.convgru1"
    unit = network.get_submodule(part)

    class Unit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unit = unit

        def forward(self, h: Tensor, x: Tensor) -> Tensor:
            result: Tensor = self.unit(h, x)
            return result

    with torch.inference_mode():
        expected = last_flow(network)
        put(network, part, Unit())
        torch.testing.assert_close(last_flow(network), expected, rtol=1e-4, atol=1e-4)


def test_the_pyramid_is_kept_until_the_flow_is_there() -> None:
    block = CorrBlock(num_levels=2, radius=1)
    with pytest.raises(RuntimeError, match="call build_pyramid first"):
        block.index_pyramid(torch.zeros(1, 2, 8, 8))
    first, second = torch.randn(2, 1, 4, 8, 8)
    pyramid = block.build_pyramid(first, second)
    points = torch.rand(1, 2, 8, 8) * 8
    assert torch.equal(block.index_pyramid(points), block.index_pyramid(points, pyramid))
    exact = torch.einsum("ci,cyx->iyx", first[0].flatten(1), second[0])[:, None] / 2
    torch.testing.assert_close(block.corr_pyramid[0], exact)
    torch.testing.assert_close(block.corr_pyramid[1], nn.functional.avg_pool2d(exact, 2))
    network = narrow()
    with torch.inference_mode():
        network(*images(), num_flow_updates=1)
    with pytest.raises(RuntimeError, match="call build_pyramid first"):
        _ = network.corr_block.corr_pyramid


def test_the_motion_ends_with_the_flow_itself() -> None:
    flow = torch.randn(1, 2, 8, 8)
    motion = MotionEncoder(in_channels_corr=9, out_channels=20)(flow, torch.randn(1, 9, 8, 8))
    assert motion.shape == (1, 20, 8, 8)
    assert torch.equal(motion[:, -2:], flow)


# Upsampling


def test_a_pixel_is_the_convex_combination_that_the_mask_says() -> None:
    flow = torch.randn(2, 2, 3, 4)
    mask = torch.full((2, 9, 64, 3, 4), -1e4)
    mask[:, 5, 10] = 0  # pixel (1, 2) of each 8 x 8 takes the neighbour on the right
    mask[:, [3, 5], 11] = 0  # pixel (1, 3) the mean of left and right
    fine = upsample(flow, mask.flatten(1, 2)).view(2, 2, 3, 8, 4, 8)
    right, left = F.pad(flow, (0, 1))[..., 1:], F.pad(flow, (1, 0))[..., :-1]
    torch.testing.assert_close(fine[:, :, :, 1, :, 2], 8 * right)
    torch.testing.assert_close(fine[:, :, :, 1, :, 3], 4 * (left + right))


def test_without_a_mask_flow_is_interpolated_from_corner_to_corner() -> None:
    flow = torch.arange(3.0).expand(1, 2, 2, 3)
    expected = 8 * torch.linspace(0, 2, 24).expand(1, 2, 16, 24)
    torch.testing.assert_close(upsample(flow, None), expected)


def test_the_mask_predictor_scales_its_output() -> None:
    torch.manual_seed(0)
    predictor, hidden = MaskPredictor(in_channels=4, hidden_size=8, multiplier=0.25), torch.randn(1, 4, 5, 6)
    torch.testing.assert_close(predictor(hidden), 0.25 * predictor.conv(predictor.convrelu(hidden)))
