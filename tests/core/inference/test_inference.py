"""Optimised models say what the model says, and the model stays as it is."""

import copy
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from zoo_core.inference import OptimizationError, OptimizedModel, example_of, optimize
from zoo_core.inference._folding import fold_batch_norms
from zoo_core.inference._packing import PackedConv2d, PackedLinear, can_pack, pack
from zoo_core.inference._recording import record

IMAGES = (torch.rand(2, 3, 16, 16),)

needs_packing = pytest.mark.skipif(not can_pack(), reason="this machine's torch has no packed layers")


def with_statistics(model):
    """Give batch norms statistics and parameters that matter."""
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
    return model.eval()


def network(*layers):
    return with_statistics(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), *layers))


def kinds(model):
    return [type(layer).__name__ for layer in model.modules() if not list(layer.children())]


@pytest.mark.parametrize(
    ("layers", "example"),
    [
        ([nn.Conv2d(3, 6, 3, groups=3), nn.BatchNorm2d(6)], torch.rand(1, 3, 9, 9)),
        ([nn.Conv1d(3, 6, 3), nn.BatchNorm1d(6, affine=False)], torch.rand(2, 3, 9)),
        ([nn.Conv3d(3, 4, 3, bias=False), nn.BatchNorm3d(4)], torch.rand(1, 3, 5, 6, 7)),
        ([nn.ConvTranspose2d(3, 6, 2, 2, bias=False), nn.BatchNorm2d(6)], torch.rand(1, 3, 5, 5)),
        ([nn.Linear(7, 5), nn.BatchNorm1d(5)], torch.rand(4, 7)),
    ],
    ids=lambda value: "-".join(type(layer).__name__ for layer in value) if isinstance(value, list) else "",
)
def test_batch_norm_is_folded_into_the_layer_before_it(layers, example):
    model = nn.Sequential(*layers).eval()
    if model[1].affine:
        with_statistics(model)
    folded = copy.deepcopy(model)
    with torch.no_grad():
        assert fold_batch_norms(folded, record(folded, (example,))) == 1
        torch.testing.assert_close(folded(example), model(example), rtol=1e-4, atol=1e-5)
    assert isinstance(folded[1], nn.Identity)


class OwnNorm(nn.Module):
    """Normalises with fixed statistics, and says so or not."""

    def __init__(self, is_batch_norm):
        super().__init__()
        self.is_batch_norm, self.eps = is_batch_norm, 1e-5
        for name in ("running_mean", "running_var", "weight", "bias"):
            self.register_buffer(name, torch.rand(4) + 0.5)

    def forward(self, images):
        return nn.functional.batch_norm(images, self.running_mean, self.running_var, self.weight, self.bias)


@pytest.mark.parametrize("says_so", [True, False])
def test_norm_of_anybodys_is_folded_if_it_says_that_it_is_one(says_so):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), OwnNorm(says_so)).eval()
    folded = copy.deepcopy(model)
    with torch.no_grad():
        assert fold_batch_norms(folded, record(folded, IMAGES)) == says_so
        torch.testing.assert_close(folded(*IMAGES), model(*IMAGES), rtol=1e-4, atol=1e-5)


def test_frozen_batch_norm_of_detectors_is_folded():
    from zoo_detection.ops import FrozenBatchNorm2d

    model = nn.Sequential(nn.Conv2d(3, 4, 1), FrozenBatchNorm2d(4)).eval()
    assert fold_batch_norms(model, record(model, IMAGES)) == 1


class Branch(nn.Module):
    """A convolution whose output is used beside the batch norm, too."""

    def __init__(self, use):
        super().__init__()
        self.conv, self.norm, self.use = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), use

    def forward(self, images):
        features = self.conv(images)
        return self.use(features, self.norm(features))


@pytest.mark.parametrize(
    "use",
    [
        lambda before, after: before + after,
        lambda before, after: {"before": before, "after": after},
        lambda before, after: after * before.mean(),
        lambda before, after: after if before.sum().item() else before,
        lambda before, after: after + before.data,
    ],
    ids=["added", "returned", "averaged", "asked", "data"],
)
def test_batch_norm_stays_where_its_input_is_used_elsewhere(use):
    model = with_statistics(Branch(use))
    assert fold_batch_norms(model, record(model, IMAGES)) == 0


def test_size_of_the_input_may_be_asked_for():
    model = with_statistics(Branch(lambda before, after: after * before.shape[1]))
    assert fold_batch_norms(model, record(model, IMAGES)) == 1


def test_batch_norm_that_two_layers_share_stays():
    norm = nn.BatchNorm2d(8)
    model = network(norm, nn.Conv2d(8, 8, 1), norm)
    assert fold_batch_norms(model, record(model, IMAGES)) == 0


def test_layer_that_is_called_twice_is_folded_if_the_norm_always_follows():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))

        def forward(self, images):
            return self.body(self.body(images))

    model = with_statistics(Twice())
    folded = copy.deepcopy(model)
    assert fold_batch_norms(folded, record(folded, IMAGES)) == 1
    torch.testing.assert_close(folded(*IMAGES), model(*IMAGES), rtol=1e-4, atol=1e-4)


@needs_packing
@pytest.mark.parametrize(
    "activation",
    [
        nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.SiLU(), nn.Sigmoid(), nn.Hardswish(), nn.Hardsigmoid(),
        nn.GELU(), nn.GELU("tanh"),
    ],
    ids=repr,
)  # fmt: skip
def test_packed_layers_and_their_activations_compute_the_same(activation):
    model = network(activation, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4), copy.deepcopy(activation))
    packed = copy.deepcopy(model)
    with torch.inference_mode():
        assert pack(packed, record(packed, IMAGES)) == 2
        torch.testing.assert_close(packed(*IMAGES), model(*IMAGES), rtol=1e-4, atol=1e-4)
    assert kinds(packed) == ["PackedConv2d", "Identity", "AdaptiveAvgPool2d", "Flatten", "PackedLinear", "Identity"]


@needs_packing
def test_activation_that_several_layers_share_stays():
    shared = nn.ReLU()
    model = network(shared, nn.Conv2d(8, 8, 1), shared)
    with torch.inference_mode():
        pack(model, record(model, IMAGES))
    assert kinds(model) == ["PackedConv2d", "ReLU", "PackedConv2d"]


@needs_packing
@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(3, 8, 3, padding="same"), nn.Conv2d(3, 8, 3, padding_mode="reflect", padding=1)],
)
def test_convolutions_that_the_kernels_do_not_have_stay(layer):
    model = nn.Sequential(layer)
    assert pack(model, record(model, IMAGES)) == 0


@needs_packing
def test_linear_layer_whose_weights_alone_are_used_stays():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(16, 4)

        def forward(self, tokens):
            return nn.functional.linear(tokens, self.linear.weight)

    model = Own()
    assert pack(model, record(model, IMAGES)) == 0


def test_optimised_model_says_the_same_and_the_model_is_as_it_was():
    model = network(nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 4, 1)).train()
    before = copy.deepcopy(model)
    state = copy.deepcopy(model.state_dict())
    fast = optimize(model, IMAGES)
    images = torch.rand(3, 3, 11, 20)
    torch.testing.assert_close(fast(images), before.eval()(images).detach(), rtol=1e-4, atol=1e-5)
    assert model.training
    assert repr(model) == repr(before.train())
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert "1 batch norms folded" in fast.steps
    assert not fast(images).requires_grad


def test_optimised_model_is_not_trained():
    fast = optimize(network(), IMAGES)
    with pytest.raises(ValueError, match="train the original"):
        fast.train()
    assert not fast.eval().training


def test_model_of_anybodys_needs_an_example():
    with pytest.raises(ValueError, match=r"give an example.*example=\(torch.rand"):
        optimize(network())


def test_reduced_precision_gives_float32_near_the_models_outputs():
    model = network(nn.BatchNorm2d(8), nn.ReLU())
    fast = optimize(model, IMAGES, dtype=torch.bfloat16)
    output, expected = fast(*IMAGES), model(*IMAGES)
    assert output.dtype == torch.float32
    assert 1e-6 < (output - expected).abs().mean() < 0.05 * expected.std()


@pytest.mark.parametrize("dtype", [torch.int8, torch.float64])
def test_dtype_that_does_not_help_is_refused(dtype):
    with pytest.raises(ValueError, match="dtype should be one of"):
        optimize(network(), IMAGES, dtype=dtype)


def test_model_in_another_dtype_is_not_reduced():
    with pytest.raises(ValueError, match=r"this one has torch\.float64"):
        optimize(network().double(), (IMAGES[0].double(),), dtype=torch.bfloat16)


def test_model_that_never_says_the_same_is_not_optimised():
    class Random(nn.Module):
        def forward(self, images):
            return torch.rand_like(images)

    with pytest.raises(OptimizationError, match="standard deviations"):
        optimize(Random(), IMAGES)


def test_nested_inputs_and_outputs_are_as_the_models():
    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Conv2d(3, 2, 3)

        def forward(self, images):
            return [{"sum": self.body(image[None]).sum(), "size": image.shape[-1]} for image in images]

    images = [torch.rand(3, 8, 8), torch.rand(3, 9, 12)]
    model = Detector().eval()
    found, expected = optimize(model, (images,))(images), model(images)
    assert [row["size"] for row in found] == [8, 12]
    torch.testing.assert_close([row["sum"] for row in found], [row["sum"].detach() for row in expected])


def test_example_is_of_the_size_that_the_model_wants():
    from zoo_classification import vit_b_32

    (images,) = example_of(vit_b_32(image_size=64, num_classes=3))
    assert images.shape == (1, 3, 64, 64)


@needs_packing
def test_attention_is_packed_with_its_first_projection():
    from zoo_classification import vit_b_32

    model = vit_b_32(image_size=64, num_classes=3).eval()
    packed = copy.deepcopy(model)
    example = example_of(model)
    with torch.inference_mode():
        pack(packed, record(packed, example))
        attention = packed.encoder.layers[0].self_attention
        assert isinstance(attention.in_projection, PackedLinear)
        assert isinstance(packed.conv_proj, PackedConv2d)
        torch.testing.assert_close(packed(*example), model(*example), rtol=1e-4, atol=1e-4)


@needs_packing
def test_cosine_attention_is_packed_with_its_first_projection():
    from zoo_classification import PatchMergingV2, SwinTransformer, SwinTransformerBlockV2

    torch.manual_seed(0)
    model = SwinTransformer(
        [4, 4], 16, depths=[1], num_heads=[2], window_size=[4, 4], num_classes=3, block=SwinTransformerBlockV2,
        downsample_layer=PatchMergingV2,
    ).eval()  # fmt: skip
    attention = model.features[1][0].attn
    torch.nn.init.normal_(attention.qkv.bias)  # that of the keys is left out
    packed = copy.deepcopy(model)
    with torch.inference_mode():
        pack(packed, record(packed, IMAGES))
        assert isinstance(packed.features[1][0].attn.in_projection, PackedLinear)
        assert type(packed.features[1][0].attn.qkv) is nn.Linear  # which nothing calls
        torch.testing.assert_close(packed(*IMAGES), model(*IMAGES), rtol=1e-4, atol=1e-5)
        hooked, seen = copy.deepcopy(model), []
        hooked.features[1][0].attn.qkv.register_forward_hook(lambda *_: seen.append(1))
        pack(hooked, record(hooked, IMAGES))
        del seen[:]
        torch.testing.assert_close(hooked(*IMAGES), model(*IMAGES), rtol=1e-4, atol=1e-5)
        assert seen


def test_steps_are_shown():
    steps = ["1 batch norms folded"]
    assert steps[0] in repr(OptimizedModel(nn.Identity(), torch.contiguous_format, None, ["1 batch norms folded"]))


def test_keywords_reach_the_model_in_its_own_dtype():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Conv2d(3, 4, 3)

        def forward(self, images, *, scale=None):
            return self.body(images) if scale is None else self.body(images) * scale

    model, images = Scaled().eval(), torch.rand(1, 3, 8, 8)
    fast = optimize(model, (images,))
    scale = torch.tensor(2.0)
    torch.testing.assert_close(fast(images, scale=scale), model(images, scale=scale).detach())


def test_model_that_is_in_bfloat16_already_is_held_to_what_it_can_keep():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.BatchNorm2d(8)]
    model = nn.Sequential(*layers).eval()
    for norm in (layers[1], layers[4]):
        nn.init.uniform_(norm.running_var, 0.1, 3)
        nn.init.normal_(norm.running_mean)
    images = torch.rand(2, 3, 16, 16).bfloat16()
    assert optimize(model.bfloat16(), (images,))(images).dtype is torch.bfloat16


def test_layers_that_occur_twice_are_optimised_in_both_places():
    torch.manual_seed(0)
    convolution, norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
    nn.init.uniform_(norm.running_var, 0.1, 3)
    model, images = nn.Sequential(convolution, nn.ReLU(), convolution, norm).eval(), torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(optimize(model, (images,))(images), model(images).detach(), rtol=1e-4, atol=1e-4)


def same_when_optimised(model, example):
    """Optimise a model, and check that it says the same on other values of the same sizes."""
    fast = optimize(model, (example,))
    other = torch.rand_like(example)
    with torch.no_grad():
        torch.testing.assert_close(fast(other), model(other), rtol=1e-4, atol=1e-4)
    return fast


def test_batch_norm_of_tokens_is_no_norm_of_channels():
    fast = same_when_optimised(with_statistics(nn.Sequential(nn.Linear(7, 5), nn.BatchNorm1d(5))), torch.rand(4, 5, 7))
    assert not any("folded" in step for step in fast.steps)


def test_batch_norm_behind_a_transposed_convolution_in_groups_stays():
    layers = nn.ConvTranspose2d(4, 6, 2, 2, groups=2), nn.BatchNorm2d(6)
    assert "BatchNorm2d" in kinds(same_when_optimised(with_statistics(nn.Sequential(*layers)), torch.rand(2, 4, 5, 5)))


def test_layer_whose_parameters_are_read_from_outside_stays():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.norm = nn.Linear(6, 8), nn.BatchNorm1d(8)

        def forward(self, x):
            return self.norm(self.embed(x)) @ self.embed.weight

    same_when_optimised(with_statistics(Tied()), torch.rand(4, 6))


def test_transformer_layers_of_torch_are_kept_where_their_layers_cannot_be_replaced():
    torch.manual_seed(0)
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2).eval()
    same_when_optimised(model, torch.rand(2, 5, 16))


def test_layers_with_hooks_stay_as_they_are():
    model = network(nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1), nn.ReLU())
    seen = []
    model[0].register_forward_hook(lambda _layer, _inputs, output: seen.append(output.mean().item()))
    model[3].register_forward_hook(lambda _layer, _inputs, output: output * 2)
    fast = same_when_optimised(model, IMAGES[0])
    assert kinds(fast)[:2] == ["Conv2d", "BatchNorm2d"]
    del seen[:]
    fast(*IMAGES)
    model(*IMAGES)
    assert seen[0] == pytest.approx(seen[1], abs=1e-5)


@needs_packing
@pytest.mark.parametrize("groups", [1, 2, 8])
def test_packed_model_is_copied_and_saved(groups, tmp_path):
    model = nn.Sequential(nn.Conv2d(8, 8, 3, groups=groups), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4)).eval()
    packed, images = copy.deepcopy(model), torch.rand(1, 8, 8, 8)
    with torch.inference_mode():
        assert pack(packed, record(packed, (images,))) == 2
    fast = OptimizedModel(packed.requires_grad_(requires_grad=False), torch.channels_last, None, ["packed"])
    torch.save(fast, tmp_path / "fast.pt")
    for again in (copy.deepcopy(fast), torch.load(tmp_path / "fast.pt", weights_only=False)):
        assert torch.equal(again(images), fast(images))
        assert kinds(again) == kinds(fast)


def test_dataclasses_are_compared_and_come_back_in_float32():
    @dataclass(frozen=True)
    class Output:
        scores: torch.Tensor
        size: int

    class Structured(nn.Module):
        def __init__(self, random):
            super().__init__()
            self.layer, self.random = nn.Conv2d(3, 4, 3), random

        def forward(self, images):
            scores = self.layer(images)
            return {"found": Output(torch.rand_like(scores) if self.random else scores, images.shape[-1])}

    found = optimize(Structured(random=False).eval(), IMAGES, dtype=torch.bfloat16)(*IMAGES)["found"]
    assert (found.scores.dtype, found.size) == (torch.float32, 16)
    with pytest.raises(OptimizationError, match="standard deviations"):
        optimize(Structured(random=True).eval(), IMAGES)


def test_classes_of_pixels_are_compared():
    class Classes(nn.Module):
        def forward(self, images):
            return torch.randint_like(images[:, 0], 5).long()

    with pytest.raises(OptimizationError, match="other integers"):
        optimize(Classes(), IMAGES)


def test_outputs_that_cannot_be_compared_are_refused():
    class Custom(nn.Module):
        def forward(self, images):
            return object()

    with pytest.raises(ValueError, match=r"expected tensors.*found object"):
        optimize(Custom(), IMAGES)


def test_a_repeatable_copy_is_chosen_without_timing(monkeypatch):
    monkeypatch.setattr("zoo_core.inference._optimize.seconds_of_call", None)
    model = network(nn.BatchNorm2d(8), nn.ReLU())
    first, second = (optimize(model, IMAGES, repeatable=True) for _ in range(2))
    assert first.steps == second.steps
    assert "1 batch norms folded" in first.steps
    assert torch.equal(first(*IMAGES), second(*IMAGES))
