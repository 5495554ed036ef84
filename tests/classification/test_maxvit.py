"""MaxViT beyond what the recorded layouts and outputs show."""

from typing import Any

import pytest
import torch
from torch import nn

from marks import SCRIPTING
from zoo_classification import MaxVit, maxvit_t
from zoo_classification._maxvit import MBConv, PartitionAttentionLayer, RelativePositionalMultiHeadAttention

SHAPE = {
    "input_size": (16, 16),
    "stem_channels": 8,
    "partition_size": 2,
    "block_channels": [8, 16],
    "block_layers": [1, 2],
    "head_dim": 4,
    "stochastic_depth_prob": 0.2,
}


def small(**kwargs: Any) -> MaxVit:
    torch.manual_seed(0)
    return MaxVit(**{**SHAPE, "num_classes": 10, **kwargs})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block_layers": [1]}, "block_channels and block_layers should have a positive number for each block, found"),
        ({"block_layers": [1, 0]}, "should have a positive number for each block"),
        ({"block_channels": [], "block_layers": []}, "should have a positive number for each block"),
        ({"head_dim": 3}, "feat_dim: 8 must be divisible by head_dim: 3"),
        ({"input_size": (16, 24)}, r"Input size \(2, 3\) of block 1 is not divisible by partition size 2"),
        ({"partition_size": 0}, "partition_size should be a positive integer"),
        ({"stem_channels": 0}, "stem_channels should be a positive integer"),
        ({"num_classes": 0}, "num_classes should be a positive integer"),
        ({"stochastic_depth_prob": -0.5}, "drop probability has to be between 0 and 1"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**arguments)


def test_partitions_of_another_type_are_refused() -> None:
    with pytest.raises(ValueError, match="partition_type should be 'window' or 'grid', found 'row'"):
        PartitionAttentionLayer(8, 4, 2, "row", 4, nn.GELU, 0.0, 0.0, 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(16, 16), (16, 48), (29, 15)])
def test_images_of_every_size_that_can_be_partitioned_are_scored(size: tuple[int, int]) -> None:
    assert small().eval()(torch.zeros(2, 3, *size)).shape == (2, 10)


@pytest.mark.parametrize(("size", "found"), [((16, 24), r"\(2, 3\) of block 1"), ((26, 16), r"\(7, 4\) of block 0")])
def test_images_of_other_sizes_are_refused(size: tuple[int, int], found: str) -> None:
    with pytest.raises(ValueError, match=f"Input size {found} is not divisible by partition size 2"):
        small()(torch.zeros(1, 3, *size))


def test_every_parameter_gets_a_gradient() -> None:
    network = small(stochastic_depth_prob=0.0)
    network(torch.rand(4, 3, 32, 32)).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.any()] == []


def test_exported_program_agrees_on_other_batches() -> None:
    network, others = small().eval(), torch.rand(3, 3, 32, 16)
    dynamic = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(network, (torch.rand(2, 3, 32, 16),), dynamic_shapes=dynamic)
    torch.testing.assert_close(program.module()(others), network(others))


@SCRIPTING
def test_scripted_module_agrees() -> None:
    network, images = small().eval(), torch.rand(2, 3, 16, 32)
    torch.testing.assert_close(torch.jit.script(network)(images), network(images))


def reach(partition_type: Any) -> torch.Tensor:
    """Return which tokens of a map of 4 x 6 the token at (1, 2) depends on."""
    torch.manual_seed(0)
    layer = PartitionAttentionLayer(8, 4, 2, partition_type, 2, nn.GELU, 0.0, 0.0, 0.0)
    features = torch.rand(1, 8, 4, 6, requires_grad=True)
    layer(features)[0, :, 1, 2].sum().backward()
    assert features.grad is not None
    return features.grad[0].any(dim=0).nonzero()


def test_windows_are_of_neighbours() -> None:
    assert reach("window").tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]


def test_grids_are_spread_over_the_map() -> None:
    assert reach("grid").tolist() == [[1, 2], [1, 5], [3, 2], [3, 5]]


@pytest.mark.parametrize(
    "arguments", [{"attention_dropout": 0.5}, {"mlp_dropout": 0.5}, {"stochastic_depth_prob": 0.5}], ids=str
)
def test_dropouts_act_in_training_only(arguments: dict[str, float]) -> None:
    network, images = small(**{"stochastic_depth_prob": 0.0, **arguments}), torch.rand(4, 3, 16, 16)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    assert not torch.equal(network(images), network(images))
    assert torch.equal(network.eval()(images), network(images))


def test_stochastic_depth_rises_with_the_layers() -> None:
    network = small(block_layers=[2, 3], stochastic_depth_prob=0.4)
    found = [module.stochastic_depth.p for module in network.modules() if isinstance(module, MBConv)]
    assert found == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_first_layer_of_each_block_halves_the_resolution() -> None:
    shapes = []
    features = small().stem(torch.zeros(1, 3, 64, 64))
    for block in small().blocks:
        features = block(features)
        shapes.append(tuple(features.shape[1:]))
    assert shapes == [(8, 16, 16), (16, 8, 8)]


def test_shortcut_without_a_stride_only_fits_the_channels() -> None:
    block = MBConv(8, 16, 4, 0.25, 1, nn.GELU, nn.BatchNorm2d)
    assert [type(layer) for layer in block.proj] == [nn.Conv2d]  # type: ignore[attr-defined]
    assert block(torch.zeros(2, 8, 5, 5)).shape == (2, 16, 5, 5)


def test_layers_start_from_the_distributions_of_the_reference() -> None:
    torch.manual_seed(0)
    modules = list(maxvit_t().modules())
    layers = [module for module in modules if isinstance(module, (nn.Conv2d, nn.Linear))]
    assert torch.cat([layer.weight.flatten() for layer in layers]).std().item() == pytest.approx(0.02, abs=2e-5)
    assert not any(layer.bias.any() for layer in layers if layer.bias is not None)
    tables = [m.relative_position_bias_table for m in modules if isinstance(m, RelativePositionalMultiHeadAttention)]
    assert torch.cat([table.flatten() for table in tables]).std().item() == pytest.approx(0.02, abs=5e-4)


def test_a_batch_of_none_gives_no_scores() -> None:
    assert small().eval()(torch.zeros(0, 3, 16, 16)).shape == (0, 10)
