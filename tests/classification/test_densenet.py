"""DenseNet beyond what the recorded layouts and outputs show."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from marks import SCRIPTING
from zoo_classification import DenseNet, DenseNet121_Weights, densenet121
from zoo_core.building import without_files


def small(**kwargs: Any) -> DenseNet:
    torch.manual_seed(0)
    return DenseNet(**{"growth_rate": 8, "block_config": (2, 3), "num_classes": 10, **kwargs})


def older(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name tensors as in files of before PyTorch 0.4, which do not count batches either."""
    return {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", name): tensor
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block_config": ()}, "block_config should be positive integers, one a block, found"),
        ({"block_config": (2, 0)}, "block_config should be positive integers, one a block, found"),
        ({"growth_rate": 0}, "growth_rate should be a positive integer, found 0"),
        ({"num_init_features": 0}, "num_init_features should be a positive integer"),
        ({"bn_size": 0}, "bn_size should be a positive integer"),
        ({"num_classes": 0}, "num_classes should be a positive integer"),
        ({"drop_rate": 1.5}, "drop_rate should be between 0 and 1, found 1.5"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**arguments)


@pytest.mark.parametrize(("blocks", "smallest"), [(1, 1), (2, 5), (3, 13), (4, 29), (5, 61)])
def test_smallest_images_depend_on_the_number_of_blocks(blocks: int, smallest: int) -> None:
    network = small(block_config=(1,) * blocks).eval()
    assert network(torch.zeros(1, 3, smallest, smallest)).shape == (1, 10)
    with pytest.raises(ValueError, match=f"at least {smallest} x {smallest} pixels"):
        network(torch.zeros(1, 3, smallest - 1, smallest))


def test_blocks_add_the_growth_rate_and_transitions_halve() -> None:
    network = small(growth_rate=8, block_config=(2, 3), num_init_features=16)
    shapes = [tuple(network.features[:stop](torch.zeros(2, 3, 64, 64)).shape[1:]) for stop in (4, 5, 6, 7)]
    assert shapes == [(16, 16, 16), (32, 16, 16), (16, 8, 8), (40, 8, 8)]


def test_older_names_load() -> None:
    other, network = small(), DenseNet(8, (2, 3), num_classes=10)
    names = older(other.state_dict())
    assert "features.denseblock2.denselayer3.norm.1.running_mean" in names
    network.load_state_dict(names)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in other.state_dict().items())


def test_older_names_load_into_a_part_of_another_model() -> None:
    other, network = small(), nn.Sequential(DenseNet(8, (2, 3), num_classes=10))
    network.load_state_dict(nn.Sequential(other).state_dict() | {})
    network.load_state_dict({f"0.{name}": tensor for name, tensor in older(other.state_dict()).items()})


def test_published_file_with_older_names_is_built(publish: Callable[..., object]) -> None:
    torch.manual_seed(1)
    with without_files():
        other = densenet121(weights="DEFAULT")
    publish(DenseNet121_Weights.DEFAULT, older(other.state_dict()), as_zip=False)
    network = densenet121(weights="DEFAULT")
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in other.state_dict().items())


def step(network: DenseNet) -> tuple[dict[str, Tensor], int]:
    """Return the state and the gradients after one pass, and how many values were kept for the backward pass."""
    kept: dict[int, int] = {}
    torch.manual_seed(2)

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = network(torch.rand(2, 3, 64, 64)).square().sum()
    values = sum(kept.values())
    loss.backward()
    gradients = {f"{name} gradient": p.grad for name, p in network.named_parameters() if p.grad is not None}
    return network.state_dict() | gradients, values


@pytest.mark.parametrize("training", [True, False])
def test_memory_efficient_computes_the_same_with_less_memory(training: bool) -> None:
    arguments: dict[str, Any] = {"block_config": (4, 4), "drop_rate": 0.2}
    plain, plain_bytes = step(small(**arguments).train(training))
    efficient, efficient_bytes = step(small(**arguments, memory_efficient=True).train(training))
    assert list(plain) == list(efficient)
    for name, tensor in plain.items():
        torch.testing.assert_close(efficient[name], tensor, msg=name)
    assert efficient_bytes < 0.8 * plain_bytes


def counts_of_compiled_checkpoint() -> float:
    """Return how many batches a batch norm in a compiled checkpoint counts after one, which some torch counts twice."""
    norm, images = nn.BatchNorm2d(2), torch.rand(2, 2, 3, 3, requires_grad=True)

    @torch.compile(backend="aot_eager")
    def checkpointed(images: Tensor) -> Tensor:
        result: Tensor = checkpoint(norm, images, use_reentrant=False)
        return result

    checkpointed(images).square().sum().backward()
    return norm.num_batches_tracked.item()


def test_memory_efficient_can_be_compiled() -> None:
    if counts_of_compiled_checkpoint() != 1:
        pytest.skip("this torch changes what is compiled in a checkpoint again in the backward pass")
    arguments: dict[str, Any] = {"block_config": (3,), "memory_efficient": True}
    plain, _ = step(small(**arguments))
    compiled = small(**arguments)
    compiled.compile(fullgraph=True, backend="aot_eager")
    for name, tensor in step(compiled)[0].items():
        torch.testing.assert_close(tensor, plain[name], msg=name)


@SCRIPTING
def test_memory_efficient_can_be_scripted() -> None:
    network, images = small(memory_efficient=True).eval(), torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(torch.jit.script(network)(images), network(images))


def test_dropout_acts_in_training_only() -> None:
    block, features = small(drop_rate=0.5).features.denseblock1, torch.rand(2, 64, 8, 8)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    assert not torch.equal(block.train()(features), block(features))
    assert torch.equal(block.eval()(features), block(features))


def test_convolutions_start_from_the_normal_distribution_that_preserves_the_forward_signal() -> None:
    network = small(growth_rate=32, block_config=(6, 6))
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    scaled = torch.cat([(conv.weight * math.sqrt(conv.weight[0].numel() / 2)).flatten() for conv in convolutions])
    assert scaled.std().item() == pytest.approx(1, abs=0.005)
    assert not network.classifier.bias.any()
