"""One model of every task, saved and built again from its folder and from a Hub: equal outputs, bit by bit."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from core.saved.conftest import same
from zoo_core import get_model, get_model_weights, push_model, save_model, task_of
from zoo_core.files.sources._asked_once import forget_answers

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

IMAGE = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(2))
BATCH = IMAGE[None]
FRAME = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(3))
NAMES = ["background", "cat", "dog"]
RCNN = {"weights_backbone": None, "min_size": 96, "max_size": 96}

CASES: dict[str, tuple[Any, ...]] = {
    "classification": ("mobilenet_v3_small", {}, [BATCH], NAMES[1:]),
    "segmentation": ("lraspp_mobilenet_v3_large", {"weights_backbone": None}, [BATCH], NAMES),
    "detection": ("ssdlite320_mobilenet_v3_large", {"weights_backbone": None, "score_thresh": 0.0}, [[IMAGE]], NAMES),
    "masks": ("maskrcnn_resnet50_fpn", RCNN, [[IMAGE]], NAMES),
    "keypoints": ("keypointrcnn_resnet50_fpn", RCNN | {"num_keypoints": 5}, [[IMAGE]], NAMES[:2]),
    "video": ("s3d", {}, [BATCH[:, :, None, :1, :1].expand(-1, -1, 13, 209, 209)], NAMES[1:]),
    "flow": ("raft_small", {}, [FRAME, FRAME.flip(-1)], None),
}
LARGE = {"masks", "keypoints"}


def trained(name: str, arguments: dict[str, Any], categories: list[str] | None) -> nn.Module:
    torch.manual_seed(0)
    classes = {} if categories is None else {"num_classes": len(categories)}
    model = get_model(name, **arguments, **classes)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.uniform_(-0.1, 0.1)
    return model.eval()


@pytest.fixture(params=[pytest.param(case, marks=pytest.mark.slow if case in LARGE else ()) for case in CASES])
def case(request: pytest.FixtureRequest, tmp_path, monkeypatch) -> tuple[str, nn.Module, Callable[[nn.Module], Any]]:
    """The name of a model's architecture, the model, saved in the folder `mine`, and how it is tried."""
    name, arguments, inputs, categories = CASES[request.param]
    model = trained(name, arguments, categories)
    monkeypatch.chdir(tmp_path)
    save_model(model, "mine", categories=categories)

    def tried(network: nn.Module) -> Any:
        with torch.inference_mode():
            return network.eval()(*inputs)

    return name, model, tried


def test_model_of_every_task_is_the_same_by_its_folder(case):
    name, model, tried = case
    found = get_model("local-dir:mine")
    assert same(found.state_dict(), model.state_dict())
    assert same(tried(deepcopy(found)), tried(model))  # where weights lie in memory decides on the last bit
    assert task_of("local-dir:mine") == task_of(name)
    weights, usual = get_model_weights("local-dir:mine").DEFAULT, get_model_weights(name).DEFAULT
    assert repr(weights.transforms()) == repr(usual.transforms())


def test_model_of_every_task_is_the_same_by_its_name_on_another_machine(case, hub, tmp_path, monkeypatch):
    _, model, tried = case
    push_model("mine", "lab/mine", private=True)
    monkeypatch.chdir("/")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "other"))
    get_model("hf-hub:lab/mine", progress=False)
    forget_answers()
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    found = get_model("hf-hub:lab/mine")
    assert same(tried(deepcopy(found)), tried(model))
