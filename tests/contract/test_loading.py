"""Every model with weights is what building, initialising and `load_state_dict` would have made, bit by bit."""

import logging

import pytest
import torch
from torch import nn

from reference.records import build_as, cases
from zoo_core import get_model, get_model_weights

MEMBERS = [case for case in cases(slow_if_large=True) if case.values[1] != "none"]
WITH_CLASSES = [case for case in MEMBERS if "categories" in get_model_weights(case.values[0])[case.values[1]].meta]  # type: ignore[arg-type]


def initialised(model, member):
    """Return the initialised model that a member is for, batch statistics unlike those of new layers."""
    torch.manual_seed(0)
    network = build_as(model, member)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.uniform_()
            module.num_batches_tracked.fill_(3)
    return network


def assert_identical(found, expected):
    assert list(found) == list(expected)
    for name, tensor in found.items():
        other = expected[name]
        assert (tensor.dtype, tensor.shape, tensor.stride()) == (other.dtype, other.shape, other.stride()), name
        assert torch.equal(tensor, other), name


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "older"])
@pytest.mark.parametrize(("model", "member"), MEMBERS)
def test_loaded_model_is_bit_identical(publish, model, member, as_zip):
    expected = initialised(model, member)
    publish(get_model_weights(model)[member], expected.state_dict(), as_zip=as_zip)
    network = get_model(model, weights=member)
    assert_identical(network.state_dict(), expected.state_dict())
    pairs = zip(network.parameters(), expected.parameters(), strict=True)
    assert all(parameter.requires_grad == other.requires_grad for parameter, other in pairs)
    assert network.training


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_model_has_the_default_device_and_dtype_as_an_initialised_one_has(publish, dtype):
    member = get_model_weights("resnet18").DEFAULT
    publish(member, initialised("resnet18", "IMAGENET1K_V1").state_dict())
    torch.set_default_dtype(dtype)
    try:
        with torch.device("meta"):
            network = get_model("resnet18", weights=member)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {(parameter.device.type, parameter.dtype) for parameter in network.parameters()} == {("meta", dtype)}


@pytest.mark.parametrize(("model", "member"), WITH_CLASSES)
def test_model_for_other_classes_has_everything_but_the_classifier(publish, model, member, caplog):
    state = initialised(model, member).state_dict()
    publish(get_model_weights(model)[member], state)
    with caplog.at_level(logging.WARNING, "zoo"):
        network = get_model(model, weights=member, num_classes=7)
    found = network.state_dict()
    fresh = {name for name in state if found[name].shape != state[name].shape}
    assert fresh
    assert all(name.startswith(tuple(f"{prefix}." for prefix in network.classifiers)) for name in fresh)
    assert_identical(*({name: t for name, t in tensors.items() if name not in fresh} for tensors in (found, state)))
    (record,) = caplog.records
    assert all(name in record.message for name in fresh)
    assert all(found[name].isfinite().all() and (found[name].abs() < 10).all() for name in fresh)
