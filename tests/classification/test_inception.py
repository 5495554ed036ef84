"""Inception v3 beyond what the recorded layouts and outputs show."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from marks import SCRIPTING
from zoo_classification import Inception3, Inception_V3_Weights, InceptionOutputs, inception_v3
from zoo_classification._googlenet import to_unit_range

PUBLISHED = Inception_V3_Weights.IMAGENET1K_V1


@pytest.fixture(scope="module")
def file() -> dict[str, Tensor]:
    """Return tensors as the published file has them."""
    torch.manual_seed(1)
    return Inception3(init_weights=False).state_dict()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "num_classes should be a positive integer, found 0"),
        ({"inception_blocks": [nn.Conv2d]}, "length of inception_blocks should be 7 instead of 1"),
        ({"dropout": 1.5}, "dropout probability has to be between 0 and 1"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Inception3(**arguments)


def test_training_gives_the_scores_of_both_classifiers() -> None:
    network, seen = Inception3(num_classes=10, init_weights=False), {}
    for name in ("fc", "AuxLogits"):
        network.get_submodule(name).register_forward_hook(lambda *call, name=name: seen.update({name: call[-1]}))
    outputs = network(torch.rand(2, 3, 299, 299))
    assert isinstance(outputs, InceptionOutputs)
    assert (outputs.logits is seen["fc"], outputs.aux_logits is seen["AuxLogits"]) == (True, True)
    assert [scores.shape for scores in outputs] == [(2, 10)] * 2


def test_images_that_are_too_small_for_the_auxiliary_classifier_are_refused_in_training() -> None:
    network, images = Inception3(num_classes=10, init_weights=False), torch.rand(2, 3, 298, 299)
    with pytest.raises(ValueError, match="images should be at least 299 x 299 pixels, found 298 x 299"):
        network(images)
    assert network.eval()(images).shape == (2, 10)


def test_without_auxiliary_classifier_training_gives_one_tensor_of_scores() -> None:
    network = Inception3(num_classes=10, aux_logits=False, init_weights=False)
    assert network.AuxLogits is None
    assert network(torch.rand(2, 3, 96, 96)).shape == (2, 10)


@SCRIPTING
def test_scripted_module_always_gives_all_outputs() -> None:
    network = torch.jit.script(Inception3(num_classes=10, init_weights=False).eval())
    outputs = network(torch.rand(1, 3, 75, 75))
    assert outputs._fields == InceptionOutputs._fields
    assert (outputs.logits.shape, outputs.aux_logits) == ((1, 10), None)
    assert network.train()(torch.rand(2, 3, 299, 299)).aux_logits.shape == (2, 10)


def test_transform_input_acts_before_the_network() -> None:
    torch.manual_seed(0)
    network, images = (
        Inception3(num_classes=10, transform_input=True, init_weights=False).eval(),
        torch.rand(1, 3, 75, 75),
    )
    transformed = network(images)
    network.transform_input = False
    assert torch.equal(network(to_unit_range(images)), transformed)
    assert not torch.equal(network(images), transformed)


def test_published_weights_bring_the_auxiliary_classifier(
    publish: Callable[..., object], file: dict[str, Tensor]
) -> None:
    publish(PUBLISHED, file)
    network = inception_v3(weights=PUBLISHED)
    assert (network.aux_logits, network.transform_input) == (True, True)
    assert all(torch.equal(tensor, file[name]) for name, tensor in network.state_dict().items())


def test_auxiliary_classifier_of_published_weights_can_be_left_out(
    publish: Callable[..., object], file: dict[str, Tensor]
) -> None:
    publish(PUBLISHED, file)
    network = inception_v3(weights=PUBLISHED, aux_logits=False)
    assert list(network.state_dict()) == [name for name in file if not name.startswith("AuxLogits.")]
    assert all(torch.equal(tensor, file[name]) for name, tensor in network.state_dict().items())


def test_auxiliary_classifier_follows_the_number_of_classes(
    publish: Callable[..., object], file: dict[str, Tensor]
) -> None:
    publish(PUBLISHED, file)
    found = inception_v3(weights=PUBLISHED, num_classes=7).state_dict()
    fresh = {name for name, tensor in found.items() if tensor.shape != file[name].shape}
    assert fresh == {f"{name}.{kind}" for name in Inception3.classifiers for kind in ("weight", "bias")}
    assert all(torch.equal(found[name], file[name]) for name in file.keys() - fresh)


def test_layers_start_from_truncated_normal_distributions() -> None:
    torch.manual_seed(0)
    network = Inception3()
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    values = torch.cat([convolution.weight.flatten() for convolution in convolutions])
    assert values.std().item() == pytest.approx(0.1, abs=1e-4)
    assert network.fc.weight.std().item() == pytest.approx(0.1, abs=1e-3)
    assert network.AuxLogits.fc.weight.std().item() == pytest.approx(0.001, abs=1e-5)
