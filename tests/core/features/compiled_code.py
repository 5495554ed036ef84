"""Compares features of a network that hands tensors to compiled code, in a process of its own: that could die of it.

    python tests/core/features/compiled_code.py reentrant checkpoint

`CASES` make what a network does between two layers. The name of each is printed once its features are right.
"""

import sys

import torch
from torch import nn
from torch.utils import dlpack
from torch.utils.checkpoint import checkpoint

from zoo_core.features import extract_features
from zoo_core.features._interception import Interception


class Doubled(torch.autograd.Function):
    """Has a gradient of its own: three times the right one."""

    @staticmethod
    def forward(context, x):
        return x * 2

    @staticmethod
    def backward(context, gradient):
        return gradient * 6


class Reversed(torch.autograd.Function):
    """Changes the gradient alone."""

    @staticmethod
    def forward(context, x):
        return x

    @staticmethod
    def backward(context, gradient):
        return -gradient


def bent(x):
    return x.sin() * x


def copied(x):
    return torch.tensor(x.detach()) + x


def lent(x):
    dlpack.to_dlpack(x.detach())
    return x * 2


def with_another_way(x):
    try:
        return torch.vmap(bent)(x)
    except Exception:  # noqa: BLE001 # as people write it
        return x * 3


def with_other_values(x):
    x.data = x.data * 2
    return x


def reentrant(x):
    return checkpoint(bent, x, use_reentrant=True)


def checkpointed(x):
    return checkpoint(bent, x, use_reentrant=False)


CASES = {
    "reentrant": lambda: reentrant,
    "checkpoint": lambda: checkpointed,
    "function": lambda: Doubled.apply,
    "gradient": lambda: Reversed.apply,
    "vmap": lambda: torch.vmap(bent),
    "vmap of nothing": lambda: torch.vmap(lambda row: row),
    "scripted": lambda: torch.jit.script(bent),
    "traced": lambda: torch.jit.trace(bent, torch.ones(2, 2)),
    "tensor": lambda: copied,
    "dlpack": lambda: lent,
    "sizes": lambda: lambda x: x + torch.zeros(x.shape[0], 2),
    "values": lambda: with_other_values,
    "another way": lambda: with_another_way,
}


class Between(nn.Module):
    """Does something between two layers that a graph cannot hold, or would hold for good."""

    def __init__(self, between):
        super().__init__()
        self.first, self.last = nn.Linear(2, 2), nn.Linear(2, 2)
        self.between = between

    def forward(self, x):
        return self.last(self.between(self.first(x)))


def dense_net():
    from zoo_classification import DenseNet

    size = {"growth_rate": 4, "num_init_features": 8, "num_classes": 3}
    name = "features.denseblock1.denselayer1.conv1"
    return DenseNet(block_config=(2, 1), memory_efficient=True, **size), name, torch.rand(2, 3, 32, 32)


def main(case):
    torch.manual_seed(0)
    network, name, inputs = dense_net() if case == "dense" else (Between(CASES[case]()), "last", torch.randn(2, 2))
    extractor = extract_features(network, [name])
    assert isinstance(extractor._in_training, Interception)
    seen = []
    handle = network.get_submodule(name).register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    network(inputs)
    handle.remove()
    gradients = []
    for feature in (seen[0], extractor(inputs)[name]):
        assert torch.equal(feature, seen[0])
        network.zero_grad()
        feature.square().sum().backward()
        gradients.append({key: each.grad for key, each in network.named_parameters() if each.grad is not None})
    torch.testing.assert_close(*gradients)
    with torch.autograd.graph.disable_saved_tensors_hooks("a checkpoint that was left has kept its own"):
        pass


if __name__ == "__main__":
    for name in sys.argv[1:]:
        main(name)
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
