"""Every model of the registry knows how it was built, is built again from what is saved of that, and is none the worse.

On the meta device, where the largest network costs nothing.
"""

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from torch import nn

from reference.records import built_in_models, is_int8
from zoo_core import get_model, get_model_builder, get_model_weights
from zoo_core.building import origin_of, without_files
from zoo_core.saved._config import Config
from zoo_core.saved._save import config_of

CLASSES = 5
MODELS = sorted(name for name, weights in built_in_models().items() if not (weights and is_int8(name, "DEFAULT")))
DEEP = {"densenet161", "densenet169", "densenet201", "efficientnet_b7", "efficientnet_v2_l", "maxvit_t"}
SMALL = ["shufflenet_v2_x0_5", "lraspp_mobilenet_v3_large", "raft_small"]


def layout(network: nn.Module) -> dict[str, tuple[torch.dtype, torch.Size]]:
    return {name: (value.dtype, value.shape) for name, value in network.state_dict().items()}


def built_again(config: Config) -> nn.Module:
    with without_files():
        return get_model_builder(config.architecture)(**config.arguments)


def _slow_if_deep(name: str) -> Any:
    """Mark the models whose many layers take seconds to be made some times."""
    return pytest.param(name, marks=pytest.mark.slow) if name in DEEP else name


@pytest.mark.parametrize("name", [_slow_if_deep(name) for name in MODELS])
def test_network_is_built_again_from_what_is_saved_of_it(name):
    has_classes = "categories" in get_model_weights(name)["DEFAULT"].meta
    own = {"num_classes": CLASSES} if has_classes else {}
    with torch.device("meta"), without_files():
        for arguments in ({"weights": "DEFAULT"}, {"weights": None, **own}):
            model = get_model(name, **arguments)
            origin = origin_of(model)
            assert origin is not None
            assert origin.parent is None  # no file was read
            labels = [f"class {number}" for number in range(CLASSES)] if own.keys() & arguments.keys() else None
            config = config_of(model, origin, labels)
            assert config.architecture == name
            assert layout(built_again(config)) == layout(model)


@pytest.mark.parametrize("name", SMALL)
def test_note_of_its_origin_disturbs_no_copy_and_no_pickle_of_a_network(name):
    with without_files():
        model = get_model(name, weights="DEFAULT").eval()
    origin = origin_of(model)
    assert origin_of(copy.deepcopy(model)) == origin
    assert origin_of(pickle.loads(pickle.dumps(model))) == origin
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    assert origin_of(torch.load(file, weights_only=False)) == origin
    assert not [name for name in model.state_dict() if "origin" in name]
    assert "origin" not in repr(model)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_note_of_its_origin_disturbs_neither_script_nor_export():
    with without_files():
        model = get_model("shufflenet_v2_x0_5", weights="DEFAULT").eval()
    image = torch.rand(1, 3, 64, 64)
    expected = model(image)
    assert torch.equal(torch.jit.script(model)(image), expected)
    exported = torch.export.export(model, (image,)).module()
    torch.testing.assert_close(exported(image), expected)
