"""What the stand-in finds for torchvision's names, and what it says of those that are not there."""

import pickle
import subprocess
import sys
from importlib import import_module

import pytest

from zoo_core import list_models
from zoo_torchvision._table import _read, modules

pytestmark = pytest.mark.usefixtures("stand_in")


@pytest.mark.parametrize("module", sorted(modules()))
def test_every_name_in_the_table_is_found(module):
    found = import_module(module)
    for name, reference in modules()[module].items():
        source, _, attribute = reference.partition(":")
        assert getattr(found, name) is getattr(import_module(source), attribute)
    assert {*modules()[module]} <= {*dir(found)}


def test_every_builder_and_weights_enum_is_where_torchvision_has_it():
    torchvision_models = import_module("torchvision.models")
    for name in list_models("zoo_classification"):
        builder = getattr(torchvision_models, name)
        assert torchvision_models.get_model_builder(name) is builder
        family = import_module(
            f"torchvision.models{builder.__module__.removeprefix('zoo_classification').replace('._', '.')}"
        )
        assert getattr(family, name) is builder


def test_a_parent_of_every_module_is_there():
    parents = {name.rpartition(".")[0] for name in modules() if "." in name}
    assert parents <= set(modules())


def test_advice_is_given_on_names_that_are_not_there():
    for name in _read()["absent"]:
        parent, _, last = name.rpartition(".")
        assert name not in modules()
        assert last not in modules().get(parent, {})


def test_a_function_hides_the_module_of_its_name():
    module = import_module("torchvision.models.alexnet")
    assert module.AlexNet is import_module("zoo_classification").AlexNet
    models = import_module("torchvision.models")
    assert models.alexnet is import_module("zoo_classification").alexnet
    from torchvision.models import alexnet, googlenet

    assert callable(alexnet)
    assert callable(googlenet)
    assert sys.modules["torchvision.models.alexnet"] is module


def test_modules_below_are_there_without_being_imported():
    import torchvision

    assert torchvision.models.detection.faster_rcnn.FastRCNNPredictor.__name__ == "FastRCNNPredictor"
    assert torchvision.ops.boxes.box_iou is torchvision.ops.box_iou


def test_programs_list_and_take_builders_by_a_modules_dictionary():
    code = (
        "import zoo_torchvision\nzoo_torchvision.install(force=True)\nimport torchvision.models as models\n"
        "found = models.__dict__\nnames = [n for n in found if n.islower() and n[:2] != '__' and callable(found[n])]\n"
        "assert {'resnet18', 'vit_b_16', 'swin_v2_t'} <= set(names), names\n"
        "assert models.__dict__['resnet18'] is models.resnet18\n"
        "assert 'fasterrcnn_resnet50_fpn' in vars(models.detection)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # where nothing has asked for a name before


def test_names_are_listed_without_being_imported():
    code = (
        "import sys, zoo_torchvision\nzoo_torchvision.install(force=True)\nimport torchvision.models as models\n"
        "assert 'resnet18' in dir(models)\nassert 'zoo_classification' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_star_imports_the_public_names():
    names: dict[str, object] = {}
    exec("from torchvision.models import *", names)
    assert {"resnet18", "ResNet18_Weights", "get_model", "detection"} <= set(names)
    assert not [name for name in names if name.startswith("_zoo")]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import torchvision.tv_tensors", "torchvision.tv_tensors"),
        ("import torchvision.transforms.v2.functional", "torchvision.transforms.v2"),
        ("from torchvision import prototype", "torchvision.prototype"),
        ("from torchvision.utils import no_such_name", "torchvision.utils.no_such_name"),
        ("from torchvision.datasets import CocoDetection", "torchvision.datasets.CocoDetection"),
    ],
)
def test_an_import_of_what_is_not_there_says_so_and_what_to_do(code, name):
    with pytest.raises(ImportError, match=rf"^{name} is not here, where zoo_torchvision stands in .* What to do: "):
        exec(code)


def test_an_attribute_that_is_not_there_says_so_and_gives_the_nearest():
    import torchvision

    with pytest.raises(AttributeError, match=r"^torchvision\.ops\.nmss is not here, .* Did you mean nms\?"):
        _ = torchvision.ops.nmss
    assert not hasattr(torchvision, "no_such_name")


def test_a_data_set_of_which_there_is_the_name_says_so_when_it_is_made():
    from torchvision.datasets import CIFAR10

    with pytest.raises(ImportError, match=r"torchvision\.datasets\.CIFAR10 is not here, .* What to do: "):
        CIFAR10("data", train=False, download=True)


def test_a_class_that_torchvision_pickled_is_zoos():
    assert pickle.loads(b"ctorchvision.models.resnet\nResNet\n.") is import_module("zoo_classification").ResNet


def test_modules_of_torchvision_choose_models():
    from torchvision import models

    assert models.list_models(models.optical_flow) == ["raft_large", "raft_small"]
    assert models.list_models(models, include="resnet1*") == ["resnet101", "resnet152", "resnet18"]
    assert set(models.list_models(models.detection)) == set(list_models("zoo_detection"))


def test_only_pillow_and_pyav_read_files():
    import torchvision

    torchvision.set_image_backend(torchvision.get_image_backend())
    torchvision.set_video_backend(torchvision.get_video_backend())
    torchvision.disable_beta_transforms_warning()
    with pytest.raises(ValueError, match="expected 'PIL', found 'accimage'"):
        torchvision.set_image_backend("accimage")
    with pytest.raises(ValueError, match="expected 'pyav', found 'cuda'"):
        torchvision.set_video_backend("cuda")
