"""Networks are traced by `torch.fx`, and call their input as users of torchvision do."""

import pytest
import torch
from torch import fx, nn

from marks import SCRIPTING
from reference.families import float_modules, one_of_each
from reference.records import build_as
from reference.tiny import ATTENDING, attending
from zoo_core import list_models

UNTRACEABLE = ("zoo_detection", "zoo_flow")
"""As torchvision's are not: detectors take a list, and RAFT chooses by sizes."""
SMALLEST = {*one_of_each(), "squeezenet1_0", "vgg11_bn", "mvit_v1_b"}
MODULES = [module for module in float_modules() if module not in UNTRACEABLE]
BATCHED = [
    pytest.param(name, marks=[] if name in SMALLEST else pytest.mark.slow)
    for module in MODULES
    for name in list_models(module)
]
INPUTS = {"lraspp_mobilenet_v3_large": "input"}
"""The names of inputs that are not called x."""


def without_values(name: str) -> nn.Module:
    with torch.device("meta"):
        return build_as(name, "none", **({"weights_backbone": None} if name in list_models("zoo_segmentation") else {}))


@pytest.mark.parametrize("name", BATCHED)
def test_network_is_traced_in_both_modes_and_names_its_input_as_users_know_it(name):
    network = without_values(name)
    for training in (True, False):
        graph = fx.symbolic_trace(network.train(training)).graph
        (given,) = graph.find_nodes(op="placeholder")
        assert given.target == INPUTS.get(name, "x")


@pytest.mark.parametrize("name", ATTENDING)
def test_traced_network_computes_what_the_network_does(name):
    network, inputs = attending(name)
    traced = fx.symbolic_trace(network)
    with torch.inference_mode():
        assert torch.equal(traced(inputs), network(inputs))
        assert torch.equal(traced(inputs[:1]), network(inputs[:1]))


@pytest.mark.parametrize("name", ["swin", "swin_v2", "swin3d"])
def test_traced_network_takes_other_sizes(name):
    network, inputs = attending(name)
    traced = fx.symbolic_trace(network)
    larger = torch.cat([inputs, inputs[..., :9]], -1)
    with torch.inference_mode():
        assert torch.equal(traced(larger), network(larger))


def test_traced_attention_is_called_as_a_whole():
    network, _ = attending("vit")
    targets = [node.target for node in fx.symbolic_trace(network).graph.find_nodes(op="call_module")]
    assert "encoder.layers.encoder_layer_0.self_attention" in targets


REFUSED = [*list_models("zoo_detection"), "raft_large", "raft_small", *list_models(include=["mvit*", "swin3d*"])]


@SCRIPTING
@pytest.mark.parametrize("name", REFUSED)
def test_what_torchscript_cannot_compile_names_torch_export(name):
    arguments = {"weights_backbone": None} if name in list_models("zoo_detection") else {}
    with torch.device("meta"):
        network = build_as(name, "none", **arguments)
    with pytest.raises(NotImplementedError, match=r"TorchScript cannot compile \w+, .*: use torch\.export\.export"):
        torch.jit.script(network)


@SCRIPTING
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for module in MODULES for name in one_of_each(module) if name not in REFUSED])
def test_all_others_are_compiled_by_torchscript(name):
    torch.jit.script(without_values(name).eval())
