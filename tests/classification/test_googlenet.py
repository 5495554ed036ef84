"""GoogLeNet beyond what the recorded layouts and outputs show."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from marks import SCRIPTING
from zoo_classification import GoogLeNet, GoogLeNet_Weights, GoogLeNetOutputs, googlenet
from zoo_classification._googlenet import to_unit_range

PUBLISHED = GoogLeNet_Weights.IMAGENET1K_V1
UNTRAINED = "auxiliary heads in the pretrained googlenet model are NOT pretrained"


@pytest.fixture(scope="module")
def file() -> dict[str, Tensor]:
    """Return tensors as the published file has them, auxiliary classifiers included."""
    torch.manual_seed(1)
    return GoogLeNet(init_weights=False).state_dict()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "num_classes should be a positive integer, found 0"),
        ({"blocks": [nn.Conv2d]}, "blocks length should be 3 instead of 1"),
        ({"dropout": 1.5}, "dropout probability has to be between 0 and 1"),
        ({"dropout_aux": -0.5}, "dropout probability has to be between 0 and 1"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GoogLeNet(**arguments)


def test_training_gives_the_scores_of_each_classifier() -> None:
    network, seen = GoogLeNet(num_classes=10), {}
    for name in ("fc", "aux1", "aux2"):
        network.get_submodule(name).register_forward_hook(lambda *call, name=name: seen.update({name: call[-1]}))
    outputs = network(torch.rand(2, 3, 64, 64))
    assert isinstance(outputs, GoogLeNetOutputs)
    assert (outputs.logits is seen["fc"], outputs.aux_logits2 is seen["aux2"]) == (True, True)
    assert outputs.aux_logits1 is seen["aux1"]
    assert [scores.shape for scores in outputs] == [(2, 10)] * 3


@pytest.mark.parametrize(("aux_logits", "training"), [(True, False), (False, True), (False, False)])
def test_otherwise_there_is_one_tensor_of_scores(aux_logits: bool, training: bool) -> None:
    network = GoogLeNet(num_classes=10, aux_logits=aux_logits, init_weights=False).train(training)
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)


@SCRIPTING
@pytest.mark.parametrize("training", [True, False])
def test_scripted_module_always_gives_all_outputs(training: bool) -> None:
    network = torch.jit.script(GoogLeNet(num_classes=10, init_weights=False).train(training))
    outputs = network(torch.rand(2, 3, 32, 32))
    assert outputs._fields == GoogLeNetOutputs._fields
    assert [scores is not None for scores in outputs] == [True, training, training]


def test_transform_input_takes_imagenet_s_normalisation_for_the_range_of_one() -> None:
    photos = torch.rand(2, 3, 4, 5)
    mean, std = (torch.tensor(value)[:, None, None] for value in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(to_unit_range((photos - mean) / std), 2 * photos - 1)


def test_transform_input_acts_before_the_network() -> None:
    torch.manual_seed(0)
    network, images = (
        GoogLeNet(num_classes=10, transform_input=True, init_weights=False).eval(),
        torch.rand(1, 3, 32, 32),
    )
    transformed = network(images)
    network.transform_input = False
    assert torch.equal(network(to_unit_range(images)), transformed)
    assert not torch.equal(network(images), transformed)


def test_published_weights_bring_no_auxiliary_classifiers(
    publish: Callable[..., object], file: dict[str, Tensor]
) -> None:
    publish(PUBLISHED, file)
    network = googlenet(weights=PUBLISHED)
    assert (network.aux_logits, network.transform_input, network.aux1, network.aux2) == (False, True, None, None)
    assert all(torch.equal(tensor, file[name]) for name, tensor in network.state_dict().items())


def test_auxiliary_classifiers_of_published_weights_can_be_had(
    publish: Callable[..., object], file: dict[str, Tensor]
) -> None:
    publish(PUBLISHED, file)
    with pytest.warns(UserWarning, match=UNTRAINED):
        network = googlenet(weights=PUBLISHED, aux_logits=True)
    assert list(network.state_dict()) == list(file)
    assert all(torch.equal(tensor, file[name]) for name, tensor in network.state_dict().items())


def test_transform_input_of_published_weights_can_be_left(
    publish: Callable[..., object], file: dict[str, Tensor]
) -> None:
    publish(PUBLISHED, file)
    assert not googlenet(weights=PUBLISHED, transform_input=False).transform_input


def test_auxiliary_classifiers_follow_the_number_of_classes(
    publish: Callable[..., object], file: dict[str, Tensor]
) -> None:
    publish(PUBLISHED, file)
    with pytest.warns(UserWarning, match=UNTRAINED):
        network = googlenet(weights=PUBLISHED, aux_logits=True, num_classes=7)
    found = network.state_dict()
    fresh = {name for name, tensor in found.items() if tensor.shape != file[name].shape}
    assert fresh == {f"{name}.{kind}" for name in GoogLeNet.classifiers for kind in ("weight", "bias")}
    assert all(torch.equal(found[name], file[name]) for name in file.keys() - fresh)
    assert all(found[name].abs().max() > 0 for name in fresh)


def test_dropout_acts_in_training_only() -> None:
    network = GoogLeNet(num_classes=10, init_weights=False)
    network.aux1.conv = nn.Identity()  # batch norm differs in training, too
    features = torch.rand(2, 128, 4, 4)
    assert not torch.equal(network.aux1(features), network.aux1(features))  # type: ignore[misc]
    assert torch.equal(network.eval().aux1(features), network.aux1(features))  # type: ignore[misc]


def test_layers_start_from_a_truncated_normal_distribution() -> None:
    torch.manual_seed(0)
    network = GoogLeNet()
    layers = [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    values = torch.cat([layer.weight.flatten() for layer in layers])
    assert values.std().item() == pytest.approx(0.01, abs=2e-5)
    assert (values.abs() < 0.01).double().mean().item() == pytest.approx(math.erf(math.sqrt(0.5)), abs=0.002)


def test_initialisation_can_be_left_to_pytorch() -> None:
    torch.manual_seed(0)
    weight = GoogLeNet(init_weights=False).fc.weight
    assert weight.abs().max().item() <= 1 / 32
