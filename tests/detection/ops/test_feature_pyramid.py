"""The feature pyramid, and frozen batch norm."""

import pytest
import torch
from torch import nn

from zoo_detection.ops import FeaturePyramidNetwork, FrozenBatchNorm2d, LastLevelMaxPool, LastLevelP6P7


def levels(*channels: int) -> dict[str, torch.Tensor]:
    sizes = [(20, 27), (10, 14), (5, 7)]
    return {name: torch.randn(2, count, *size) for name, count, size in zip("abc", channels, sizes, strict=False)}


def test_each_level_adds_the_coarser_ones():
    pyramid = FeaturePyramidNetwork([3, 4, 5], 6)
    x = levels(3, 4, 5)
    merged = pyramid.inner_blocks[2](x["c"])
    expected = {"c": pyramid.layer_blocks[2](merged)}
    for index, name in ((1, "b"), (0, "a")):
        lateral = pyramid.inner_blocks[index](x[name])
        merged = lateral + nn.functional.interpolate(merged, size=lateral.shape[-2:], mode="nearest")
        expected[name] = pyramid.layer_blocks[index](merged)
    found = pyramid(x)
    assert list(found) == ["a", "b", "c"]
    for name, level in found.items():
        torch.testing.assert_close(level, expected[name])


def test_max_pooling_adds_every_second_pixel():
    found = FeaturePyramidNetwork([3, 4], 6, extra_blocks=LastLevelMaxPool())(levels(3, 4))
    assert list(found) == ["a", "b", "pool"]
    assert torch.equal(found["pool"], found["b"][..., ::2, ::2])


@pytest.mark.parametrize(("in_channels", "source"), [(4, "backbone"), (6, "pyramid")])
def test_p6_comes_from_the_level_that_has_its_channels(in_channels, source):
    extra = LastLevelP6P7(in_channels, 6)
    x = levels(3, 4)
    found = FeaturePyramidNetwork([3, 4], 6, extra_blocks=extra)(x)
    assert list(found) == ["a", "b", "p6", "p7"]
    torch.testing.assert_close(found["p6"], extra.p6(x["b"] if source == "backbone" else found["b"]))
    torch.testing.assert_close(found["p7"], extra.p7(found["p6"].relu()))


def test_a_normalisation_follows_each_convolution():
    pyramid = FeaturePyramidNetwork([3, 4], 6, norm_layer=nn.BatchNorm2d)
    assert "inner_blocks.0.1.running_mean" in pyramid.state_dict()
    assert "inner_blocks.0.0.bias" not in pyramid.state_dict()


def test_files_with_older_names_load():
    pyramid = FeaturePyramidNetwork([3, 4], 6)
    older = {name.replace(".0.weight", ".weight").replace(".0.bias", ".bias"): value + 1
             for name, value in pyramid.state_dict().items()}  # fmt: skip
    assert "inner_blocks.1.weight" in older
    wrapper = nn.ModuleDict({"fpn": FeaturePyramidNetwork([3, 4], 6)})
    wrapper.load_state_dict({f"fpn.{name}": value for name, value in older.items()})
    for name, value in wrapper["fpn"].state_dict().items():
        assert torch.equal(value, pyramid.state_dict()[name] + 1)


def test_what_is_no_pyramid_is_refused():
    with pytest.raises(ValueError, match="in_channels=0"):
        FeaturePyramidNetwork([3, 0], 6)
    with pytest.raises(TypeError, match="ExtraFPNBlock"):
        FeaturePyramidNetwork([3], 6, extra_blocks=nn.Identity())


def trained_batch_norm() -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(7, eps=1e-3)
    for values in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(values)  # type: ignore[arg-type]
    nn.init.uniform_(norm.running_var, 0.1, 3)  # type: ignore[arg-type]
    return norm.eval()


@pytest.mark.parametrize("training", [False, True])
def test_a_frozen_batch_norm_does_what_the_trained_one_does(training):
    norm = trained_batch_norm()
    frozen = FrozenBatchNorm2d(7, eps=1e-3).train(training)
    frozen.load_state_dict(norm.state_dict())  # holds num_batches_tracked
    x = torch.randn(2, 7, 5, 6, requires_grad=True)
    torch.testing.assert_close(frozen(x), norm(x))
    (gradient,) = torch.autograd.grad(frozen(x).square().sum(), x)
    (expected,) = torch.autograd.grad(norm(x).square().sum(), x)
    torch.testing.assert_close(gradient, expected)


def test_a_frozen_batch_norm_has_no_parameters():
    frozen = FrozenBatchNorm2d(7)
    assert list(frozen.parameters()) == []
    assert list(frozen.state_dict()) == ["weight", "bias", "running_mean", "running_var"]


def test_epsilon_may_be_changed_later():
    norm, frozen = trained_batch_norm(), FrozenBatchNorm2d(7)
    frozen.load_state_dict(norm.state_dict())
    frozen.eps = norm.eps = 0.0
    x = torch.randn(2, 7, 5, 6)
    torch.testing.assert_close(frozen(x), norm(x))
    assert repr(frozen) == "FrozenBatchNorm2d(7, eps=0.0)"


def test_frozen_batch_norm_keeps_no_activations_for_the_gradient_and_has_the_same_one():
    norm, frozen = trained_batch_norm(), FrozenBatchNorm2d(7, eps=1e-3)
    frozen.load_state_dict(norm.state_dict())
    images = torch.randn(2, 7, 16, 16, requires_grad=True)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor.numel()) or tensor, lambda t: t):
        output = frozen(images)
    assert max(saved) <= 7
    torch.testing.assert_close(output, norm(images))
    torch.testing.assert_close(
        torch.autograd.grad(output.square().sum(), images), torch.autograd.grad(norm(images).square().sum(), images)
    )
