"""What holds for every video network, tried on the smallest of each kind."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from marks import SCRIPTING
from zoo_video import (
    S3D,
    BasicBlock,
    BasicStem,
    Bottleneck,
    Conv2Plus1D,
    Conv3DNoTemporal,
    Conv3DSimple,
    MSBlockConfig,
    MViT,
    R2Plus1dStem,
    SwinTransformer3d,
    VideoResNet,
)

CUBE = (3, 3, 3)


def r3d(num_classes: int) -> VideoResNet:
    return VideoResNet(BasicBlock, [Conv3DSimple] * 4, [1, 1, 1, 1], BasicStem, num_classes)


def mc3_of_bottlenecks(num_classes: int) -> VideoResNet:
    makers: list[Any] = [Conv3DSimple, Conv3DNoTemporal, Conv3DNoTemporal, Conv3DNoTemporal]
    return VideoResNet(Bottleneck, makers, [1, 1, 1, 1], BasicStem, num_classes)


def r2plus1d(num_classes: int) -> VideoResNet:
    return VideoResNet(BasicBlock, [Conv2Plus1D] * 4, [1, 1, 1, 1], R2Plus1dStem, num_classes)


def swin(num_classes: int) -> SwinTransformer3d:
    return SwinTransformer3d([2, 4, 4], 8, [1, 2], [1, 2], [2, 3, 3], num_classes=num_classes)


def mvit_v1(num_classes: int) -> MViT:
    rows = [
        MSBlockConfig(1, 8, 16, (), CUBE, (), (1, 4, 4)),
        MSBlockConfig(2, 16, 16, CUBE, CUBE, (1, 2, 2), (1, 2, 2)),
    ]
    return MViT((48, 64), 4, rows, False, False, False, False, num_classes=num_classes)


def mvit_v2(num_classes: int) -> MViT:
    rows = [
        MSBlockConfig(1, 8, 8, CUBE, CUBE, (1, 1, 1), (1, 4, 4)),
        MSBlockConfig(2, 8, 16, CUBE, CUBE, (1, 2, 2), (1, 2, 2)),
    ]
    return MViT((48, 64), 4, rows, True, False, True, True, num_classes=num_classes)


ANY_SIZE = [r3d, mc3_of_bottlenecks, r2plus1d, swin]
FIXED_SIZE = [mvit_v1, mvit_v2]
NETWORKS = [*ANY_SIZE, *FIXED_SIZE, pytest.param(S3D, marks=pytest.mark.slow)]  # which takes large clips only

Builder = Callable[..., nn.Module]


def clips(builder: Builder, count: int = 2) -> Tensor:
    size = {S3D: (13, 209, 209), mvit_v1: (4, 48, 64), mvit_v2: (4, 48, 64)}.get(builder, (6, 40, 44))
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=NETWORKS)
def builder(request: pytest.FixtureRequest) -> Builder:
    found: Builder = request.param
    return found


@pytest.fixture
def network(builder: Builder) -> nn.Module:
    torch.manual_seed(0)
    return builder(num_classes=10)


@pytest.mark.parametrize("builder", ANY_SIZE)
@pytest.mark.parametrize("size", [(1, 1, 1), (1, 33, 20), (7, 9, 50), (17, 8, 8)])
def test_clips_of_any_size_are_scored(network: nn.Module, size: tuple[int, int, int]) -> None:
    scores = network.eval()(torch.rand(2, 3, *size))
    assert scores.shape == (2, 10)
    assert scores.isfinite().all()


@pytest.mark.parametrize("builder", [S3D])
@pytest.mark.parametrize("size", [(12, 209, 209), (13, 208, 209), (13, 209, 208)])
def test_clips_too_small_for_s3d_are_refused(network: nn.Module, size: tuple[int, int, int]) -> None:
    frames, height, width = size
    message = f"clips should be at least 13 frames of 209 x 209 pixels, found {frames} of {height} x {width}"
    with pytest.raises(ValueError, match=message):
        network(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("builder", FIXED_SIZE)
@pytest.mark.parametrize("size", [(2, 48, 64), (8, 48, 64), (4, 64, 48), (4, 96, 32), (4, 48, 68)])
def test_clips_of_another_size_than_a_fixed_one_are_refused(network: nn.Module, size: tuple[int, int, int]) -> None:
    frames, height, width = size
    message = f"clips should be 4 frames of 48 x 64 pixels, found {frames} frames of {height} x {width} pixels"
    with pytest.raises(ValueError, match=message):
        network(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("builder", FIXED_SIZE)
def test_clips_that_give_the_same_tokens_as_the_fixed_size_are_scored(network: nn.Module) -> None:
    assert network(torch.zeros(1, 3, 3, 45, 61)).shape == (1, 10)


@pytest.mark.parametrize("builder", [*ANY_SIZE, *FIXED_SIZE, S3D])
def test_what_is_no_batch_of_clips_is_refused(network: nn.Module, builder: Builder) -> None:
    with pytest.raises(ValueError, match=r"expected 5D input, clips \(N, C, T, H, W\), found 4D .* `clip.unsqueeze"):
        network(clips(builder)[0])


def test_clips_are_scored_apart(network: nn.Module, builder: Builder) -> None:
    several = clips(builder, 3)
    with torch.inference_mode():
        scores = network.eval()(several)
        apart = torch.cat([network(clip[None]) for clip in several])
    torch.testing.assert_close(scores, apart, rtol=0, atol=1e-4 * scores.std().item() + 1e-6)


def test_every_parameter_gets_a_gradient(network: nn.Module, builder: Builder) -> None:
    network.train()(clips(builder)).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None] == []
    idle = {name for name, gradient in gradients.items() if not gradient.any()}
    # Scores are read off the class token, which the last block neither pools nor places.
    last = {
        name for name in gradients if name.startswith("blocks.1.attn.") and ("pool_q.pool" in name or "rel_" in name)
    }
    assert idle == last


def test_training_changes_scores_and_evaluation_repeats_them(network: nn.Module, builder: Builder) -> None:
    batch = clips(builder)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    before = network.eval()(batch).detach()
    network.train()(batch).square().sum().backward()
    optimiser.step()
    after = network.eval()(batch)
    assert not torch.allclose(before, after)
    assert torch.equal(after, network(batch))


@pytest.mark.parametrize("builder", [*ANY_SIZE, *FIXED_SIZE])
def test_exported_program_agrees_on_other_batches(network: nn.Module, builder: Builder) -> None:
    dynamic = ({0: torch.export.Dim("batch", min=2)},)
    program = torch.export.export(network.eval(), (clips(builder),), dynamic_shapes=dynamic).module()
    more = clips(builder, 3)
    torch.testing.assert_close(program(more), network(more), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("builder", [r3d, mc3_of_bottlenecks, r2plus1d])
def test_exported_program_of_convolutions_agrees_on_other_sizes(network: nn.Module) -> None:
    automatic = torch.export.Dim.AUTO
    dynamic = (dict.fromkeys((0, 2, 3, 4), automatic),)
    program = torch.export.export(network.eval(), (torch.rand(2, 3, 17, 40, 44),), dynamic_shapes=dynamic).module()
    others = torch.rand(3, 3, 25, 50, 70)
    torch.testing.assert_close(program(others), network(others), rtol=1e-4, atol=1e-5)


@SCRIPTING
@pytest.mark.parametrize("builder", [r3d, mc3_of_bottlenecks, r2plus1d, pytest.param(S3D, marks=pytest.mark.slow)])
def test_scripted_convolutions_agree(network: nn.Module, builder: Builder) -> None:
    batch = clips(builder)
    torch.testing.assert_close(torch.jit.script(network.eval())(batch), network(batch))


@pytest.mark.parametrize("builder", [r2plus1d, swin, mvit_v1, mvit_v2])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_precisions_give_the_scores_in_them(network: nn.Module, builder: Builder, dtype: torch.dtype) -> None:
    batch = clips(builder)
    expected = network.eval()(batch)
    scores = network.to(dtype)(batch.to(dtype))
    assert scores.dtype == dtype
    tolerance = 0.2 if dtype == torch.bfloat16 else 1e-4
    torch.testing.assert_close(scores.float(), expected, rtol=0, atol=tolerance * expected.std().item())


@pytest.mark.parametrize("builder", [swin, mvit_v1, mvit_v2])
def test_attention_runs_in_autocast(network: nn.Module, builder: Builder) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        scores = network.train()(clips(builder))
        scores.float().square().sum().backward()
    assert scores.isfinite().all()


@pytest.mark.parametrize("builder", [*ANY_SIZE, *FIXED_SIZE, S3D])
def test_num_classes_should_be_positive(builder: Builder) -> None:
    with pytest.raises(ValueError, match="num_classes should be a positive integer, found 0"):
        builder(num_classes=0)
