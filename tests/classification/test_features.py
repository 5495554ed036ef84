"""Features of every family: those that the models themselves compute, also compiled and exported."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo_classification import Inception3
from zoo_core import get_model_builder, get_model_weights, list_models
from zoo_core.features import extract_features, list_features

EXPORTED_DAILY = ("densenet121", "resnet18", "vit_b_16")
"""Checkpoints, plain convolutions, attention: as whole networks all families are exported daily (test_networks.py)."""


def smallest_of_each_family() -> list[str]:
    """Return the names of the models with the fewest parameters, one for each file of builders."""
    sizes = {name: _parameters(name) for name in list_models(module="zoo_classification") if "quantized" not in name}
    families: dict[str, str] = {}
    for name in sorted(sizes, key=lambda name: sizes[name]):
        families.setdefault(get_model_builder(name).__module__, name)
    return sorted(families.values())


def _parameters(name: str) -> int:
    return min(int(member.meta["num_params"]) for member in get_model_weights(name))


def middle(model: nn.Module) -> str:
    """Return the name of a part in the middle, of those that users ask for."""
    names = [name for name in list_features(model) if name.count(".") <= 1]
    return names[len(names) // 2]


@pytest.fixture(params=smallest_of_each_family())
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    built: nn.Module = get_model_builder(request.param)().eval()
    return built


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 224, 224)


def seen_by_hooks(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Return the first output of each module that returns a tensor."""
    seen: dict[str, Tensor] = {}

    def note(name: str, output: object) -> None:
        if isinstance(output, Tensor) and name not in seen:
            seen[name] = output.clone()

    handles = [
        module.register_forward_hook(lambda _module, _inputs, output, name=name: note(name, output))
        for name, module in model.named_modules()
        if name
    ]
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return seen


def test_every_listed_feature_is_what_the_model_computes(model: nn.Module, images: Tensor) -> None:
    listed = list_features(model, images.shape)
    seen = seen_by_hooks(model, images)
    assert list(seen) == list(listed)
    with torch.no_grad():
        features = extract_features(model, list(listed))(images)
    assert {name: tuple(feature.shape) for name, feature in features.items()} == listed
    torch.testing.assert_close(features, seen, rtol=0, atol=0)


def test_backbone_is_a_part_of_the_model_that_loads_the_whole(model: nn.Module, images: Tensor) -> None:
    name = middle(model)
    backbone = extract_features(model, {name: "feature"})
    assert 0 < len(backbone.state_dict()) < len(model.state_dict())
    backbone.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(backbone(images)["feature"], seen_by_hooks(model, images)[name])


def test_backbone_trains_all_of_its_parameters(model: nn.Module) -> None:
    size = 299 if isinstance(model, Inception3) else 224
    backbone = extract_features(model, {middle(model): "feature"}).train()
    backbone(torch.rand(2, 3, size, size))["feature"].square().sum().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())


@pytest.mark.parametrize(
    "model",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in EXPORTED_DAILY)) for name in smallest_of_each_family()],
    indirect=True,
)
def test_exported_backbone_agrees_on_other_batches(model: nn.Module, images: Tensor) -> None:
    backbone = extract_features(model, [middle(model)])
    dynamic = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(backbone, (images,), dynamic_shapes=dynamic)
    others = torch.rand(3, 3, 224, 224)
    torch.testing.assert_close(program.module()(others), backbone(others))


@pytest.mark.slow
def test_compiled_backbone_agrees(model: nn.Module, images: Tensor) -> None:
    torch.compiler.reset()  # which counts how often it has compiled the same code for different models
    names = [next(iter(list_features(model))), middle(model)]
    backbone = extract_features(model, list(dict.fromkeys(names)))
    compiled: Any = torch.compile(backbone, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(images), backbone(images))
