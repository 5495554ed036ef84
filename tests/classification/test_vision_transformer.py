"""Vision Transformer beyond what the recorded layouts and outputs show."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from marks import SCRIPTING
from zoo_classification import (
    ConvStemConfig,
    VisionTransformer,
    ViT_B_16_Weights,
    ViT_B_32_Weights,
    interpolate_embeddings,
    vit_b_16,
    vit_b_32,
    vit_h_14,
)
from zoo_core.building import load_checkpoint, without_files

SHAPE: dict[str, Any] = {
    "image_size": 32,
    "patch_size": 8,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
    "mlp_dim": 32,
}
STEM = [ConvStemConfig(6, 3, 2), ConvStemConfig(12, 3, 4)]


def small(**kwargs: Any) -> VisionTransformer:
    torch.manual_seed(0)
    network = VisionTransformer(**{**SHAPE, "num_classes": 10, **kwargs})
    nn.init.normal_(network.heads.head.weight)  # type: ignore[arg-type]
    return network


def older(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name tensors as in the first files."""
    return {
        name.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): tensor
        for name, tensor in state.items()
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 33}, "indivisible by patch size! image_size should be a multiple of 8, found 33"),
        ({"image_size": 0}, "indivisible by patch size!"),
        ({"num_heads": 3}, "hidden_dim should be a multiple of num_heads, found 16 and 3"),
        ({"num_layers": 0}, "num_layers should be a positive integer, found 0"),
        ({"patch_size": 0}, "patch_size should be a positive integer"),
        ({"num_classes": 0}, "num_classes should be a positive integer"),
        ({"conv_stem_configs": STEM[:1]}, r"should multiply to the patch_size of 8, found \[2\]"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**arguments)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((40, 32), "Wrong image height! Expected 32 but got 40!"),
        ((32, 24), "Wrong image width! Expected 32 but got 24!"),
    ],
)
def test_images_of_another_size_are_refused(size: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small()(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("arguments", [{}, {"representation_size": 24}, {"conv_stem_configs": STEM}], ids=str)
def test_every_parameter_gets_a_gradient(arguments: dict[str, Any]) -> None:
    network = small(**arguments)
    network(torch.rand(4, 3, 32, 32)).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.any()] == []


def test_exported_program_agrees_on_other_batches() -> None:
    network, others = small().eval(), torch.rand(3, 3, 32, 32)
    dynamic = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(network, (torch.rand(2, 3, 32, 32),), dynamic_shapes=dynamic)
    torch.testing.assert_close(program.module()(others), network(others))


@SCRIPTING
def test_scripted_module_agrees() -> None:
    network, images = small().eval(), torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(torch.jit.script(network)(images), network(images))


def test_attention_is_that_of_pytorch() -> None:
    attention = small().encoder.layers[0].self_attention.eval()
    nn.init.normal_(attention.in_proj_bias)  # type: ignore[arg-type]
    tokens = torch.rand(2, 5, 16)
    expected, _ = nn.MultiheadAttention.forward(attention, tokens, tokens, tokens, need_weights=False)  # type: ignore[arg-type]
    torch.testing.assert_close(attention(tokens, tokens, tokens, need_weights=False)[0], expected)


def test_attention_gives_its_weights_when_asked() -> None:
    attention, tokens = small().encoder.layers[0].self_attention.eval(), torch.rand(2, 5, 16)
    output, weights = attention(tokens, tokens, tokens, average_attn_weights=False)
    assert weights.shape == (2, 2, 5, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 5))
    torch.testing.assert_close(output, attention(tokens, tokens, tokens, need_weights=False)[0])


def test_attention_takes_masks_and_other_keys() -> None:
    attention, tokens = small().encoder.layers[0].self_attention.eval(), torch.rand(2, 5, 16)
    padding = torch.tensor([False, False, False, True, True]).expand(2, 5)
    masked, _ = attention(tokens, tokens, tokens, key_padding_mask=padding, need_weights=False)
    fewer, _ = attention(tokens, tokens[:, :3], tokens[:, :3], need_weights=False)
    torch.testing.assert_close(masked, fewer)


@pytest.mark.parametrize("arguments", [{"dropout": 0.5}, {"attention_dropout": 0.5}], ids=str)
def test_dropouts_act_in_training_only(arguments: dict[str, float]) -> None:
    network, images = small(**arguments).train(), torch.rand(4, 3, 32, 32)
    assert not torch.equal(network(images), network(images))
    assert torch.equal(network.eval()(images), network(images))


def test_older_names_load() -> None:
    other, network = small(), VisionTransformer(**SHAPE, num_classes=10)
    names = older(other.state_dict())
    assert "encoder.layers.encoder_layer_1.mlp.linear_2.bias" in names
    network.load_state_dict(names)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in other.state_dict().items())


def test_published_file_with_older_names_is_built(publish: Callable[..., object]) -> None:
    torch.manual_seed(1)
    with without_files():
        other = vit_b_32(weights="DEFAULT")
    publish(ViT_B_32_Weights.DEFAULT, older(other.state_dict()))
    network = vit_b_32(weights="DEFAULT")
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in other.state_dict().items())


@pytest.mark.parametrize(
    ("builder", "member", "size"),
    [
        (vit_b_16, "IMAGENET1K_V1", 224),
        (vit_b_16, "IMAGENET1K_SWAG_E2E_V1", 384),
        (vit_h_14, "IMAGENET1K_SWAG_E2E_V1", 518),
        (vit_h_14, "IMAGENET1K_SWAG_LINEAR_V1", 224),
    ],
)
def test_weights_tell_the_image_size(builder: Any, member: str, size: int) -> None:
    with without_files(), torch.device("meta"):
        assert builder(weights=member).image_size == size
        assert builder(weights=member, image_size=size).image_size == size


def test_image_size_may_differ_from_that_of_the_weights() -> None:
    with without_files(), torch.device("meta"):
        assert vit_b_16(weights=ViT_B_16_Weights.IMAGENET1K_V1, image_size=384).encoder.pos_embedding.shape[1] == 577


def test_a_checkpoint_is_fitted_to_the_image_size_and_the_classifier() -> None:
    state = small().state_dict()
    network = small(image_size=56, num_classes=3)
    head = network.state_dict()["heads.head.weight"].clone()
    load_checkpoint(network, {name: tensor.clone() for name, tensor in state.items()}, source="test")
    fitted = interpolate_embeddings(56, 8, state, reset_heads=True)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in fitted.items())
    assert torch.equal(network.state_dict()["heads.head.weight"], head)
    assert network.eval()(torch.zeros(1, 3, 56, 56)).shape == (1, 3)


def test_an_image_size_that_no_patches_fill_is_refused_with_weights() -> None:
    with pytest.raises(ValueError, match="image_size should be a multiple of 16, found 230"):
        vit_b_16(weights=ViT_B_16_Weights.IMAGENET1K_V1, image_size=230)


def test_image_size_is_free_without_weights() -> None:
    with torch.device("meta"):
        assert vit_b_32(image_size=64).encoder.pos_embedding.shape == (1, 5, 768)


def test_embeddings_are_interpolated_to_another_resolution() -> None:
    state = small().state_dict()
    ramp = torch.linspace(0, 3, 4)  # of 4 patches along each side, at their own positions
    state["encoder.pos_embedding"][0, 1:] = (10 * ramp[:, None] + ramp).reshape(16, 1)
    before = state["encoder.pos_embedding"].clone()
    fitted = interpolate_embeddings(56, 8, state, interpolation_mode="bilinear")
    embeddings = fitted["encoder.pos_embedding"]
    finer = torch.linspace(0, 3, 7)
    torch.testing.assert_close(embeddings[0, 1:, 5], (10 * finer[:, None] + finer).flatten())
    assert torch.equal(embeddings[:, 0], before[:, 0])
    assert torch.equal(state["encoder.pos_embedding"], before)
    VisionTransformer(**{**SHAPE, "image_size": 56}, num_classes=10).load_state_dict(fitted)


def test_embeddings_of_the_same_resolution_stay_as_they_are() -> None:
    state = small().state_dict()
    fitted = interpolate_embeddings(64, 16, state)
    assert list(fitted) == list(state)
    assert all(torch.equal(fitted[name], tensor) for name, tensor in state.items())


def test_heads_are_left_out_on_request() -> None:
    state = small().state_dict()
    fitted = interpolate_embeddings(40, 8, state, reset_heads=True)
    assert set(state) - set(fitted) == {"heads.head.weight", "heads.head.bias"}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 17, 16), "Unexpected position embedding shape"),
        ((17, 16), "Unexpected position embedding shape"),
        ((1, 16, 16), "seq_length is not a perfect square! Instead got 15 patches"),
    ],
)
def test_embeddings_that_are_no_square_of_patches_are_refused(shape: tuple[int, ...], message: str) -> None:
    state = {"encoder.pos_embedding": torch.zeros(shape)}
    with pytest.raises(ValueError, match=message):
        interpolate_embeddings(48, 8, state)


def test_layers_start_from_the_distributions_of_the_paper_s_code() -> None:
    torch.manual_seed(0)
    network = vit_b_32(representation_size=512)
    mlp = network.encoder.layers[0].mlp
    assert not network.class_token.any()
    assert network.encoder.pos_embedding.std().item() == pytest.approx(0.02, abs=2e-4)
    assert network.conv_proj.weight.std().item() == pytest.approx(math.sqrt(1 / 3072), rel=0.005)
    assert mlp[0].weight.abs().max().item() == pytest.approx(math.sqrt(6 / (768 + 3072)), rel=0.001)
    assert mlp[3].bias.std().item() == pytest.approx(1e-6, rel=0.1)
    assert network.heads.pre_logits.weight.std().item() == pytest.approx(math.sqrt(1 / 768), rel=0.005)
    assert not network.heads.head.weight.any()


def test_stem_of_convolutions_takes_the_place_of_the_patch_embedding() -> None:
    network = small(conv_stem_configs=STEM)
    assert list(dict(network.conv_proj.named_children())) == ["conv_bn_relu_0", "conv_bn_relu_1", "conv_last"]
    assert network.conv_proj(torch.zeros(2, 3, 32, 32)).shape == (2, 16, 4, 4)
