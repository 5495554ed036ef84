"""Backbones with and without a pyramid, and what of them trains."""

import re
import warnings

import pytest
import torch
from torch import nn

from zoo_classification import ResNet34_Weights, mobilenet_v2
from zoo_classification.stages import mobilenet_stages
from zoo_detection import BackboneWithFPN, mobilenet_backbone, resnet_fpn_backbone
from zoo_detection.backbones.networks import frozen_if_trained
from zoo_detection.backbones.resnet import RESNET50
from zoo_detection.ops import FrozenBatchNorm2d, LastLevelP6P7


def trained(backbone):
    """Return the names of the body's children that train."""
    names = (name for name, parameter in backbone.body.named_parameters() if parameter.requires_grad)
    return sorted({name.split(".")[0] for name in names})


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (0, []),
        (2, ["layer3", "layer4"]),
        (4, ["layer1", "layer2", "layer3", "layer4"]),
        (5, ["conv1", "layer1", "layer2", "layer3", "layer4"]),
    ],
)
def test_last_layers_of_a_resnet_train(layers, expected):
    assert trained(resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=layers)) == expected


def test_stem_s_batch_norm_trains_with_all_layers():
    for layers, expected in ((4, False), (5, True)):
        backbone = resnet_fpn_backbone(
            backbone_name="resnet18", weights=None, norm_layer=nn.BatchNorm2d, trainable_layers=layers
        )
        assert backbone.body.bn1.weight.requires_grad is expected


def test_pyramid_stands_on_the_layers_asked_for():
    backbone = resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, returned_layers=[2, 3], extra_blocks=LastLevelP6P7(256, 256)
    )
    levels = backbone(torch.rand(1, 3, 64, 64))
    assert {name: tuple(level.shape[1:]) for name, level in levels.items()} == {
        "0": (256, 8, 8), "1": (256, 4, 4), "p6": (256, 2, 2), "p7": (256, 1, 1),
    }  # fmt: skip
    assert "layer4" not in dict(backbone.body.named_children())


@pytest.mark.parametrize(("layers", "first"), [(0, 19), (2, 14), (5, 2), (6, 0)])
def test_stages_of_a_mobilenet_train_from_the_last_on(layers, first):
    backbone = mobilenet_backbone(backbone_name="mobilenet_v2", weights=None, fpn=True, trainable_layers=layers)
    assert sorted(map(int, trained(backbone))) == list(range(first, 19))


def test_stages_begin_where_the_resolution_is_halved():
    assert [stage.name for stage in mobilenet_stages(mobilenet_v2().features)] == ["0", "2", "4", "7", "14", "18"]


def test_mobilenet_without_pyramid_gives_one_map():
    backbone = mobilenet_backbone(backbone_name="mobilenet_v2", weights=None, fpn=False)
    assert backbone(torch.rand(1, 3, 64, 64)).shape == (1, backbone.out_channels, 2, 2)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"trainable_layers": 6}, r"Trainable layers should be in the range \[0,5\], got 6"),
        ({"trainable_layers": -1}, r"Trainable layers should be in the range \[0,5\], got -1"),
        ({"returned_layers": [0, 1]}, r"Each returned layer should be in the range \[1,4\]. Got \[0, 1\]"),
        ({"returned_layers": [4, 5]}, r"Each returned layer should be in the range \[1,4\]. Got \[4, 5\]"),
    ],
)
def test_layers_that_a_resnet_has_not_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        resnet_fpn_backbone(backbone_name="resnet18", weights=None, **kwargs)


@pytest.mark.parametrize("kwargs", [{"trainable_layers": 7}, {"returned_layers": [6]}, {"returned_layers": [-1]}])
def test_layers_that_a_mobilenet_has_not_are_refused(kwargs):
    with pytest.raises(ValueError, match="should be in the range"):
        mobilenet_backbone(backbone_name="mobilenet_v2", weights=None, fpn=True, **kwargs)


def test_backbone_without_weights_trains_whole_whatever_was_asked_for():
    def choose(layers, *, is_trained):
        return RESNET50.choose(None, layers, is_trained, progress=False).trainable_layers

    assert choose(None, is_trained=True) == 3
    assert choose(1, is_trained=True) == 1
    assert choose(None, is_trained=False) == 5
    with pytest.warns(UserWarning, match="has no effect without weights.*: all 5 layers"):
        assert choose(1, is_trained=False) == 5
    with pytest.raises(ValueError, match=r"Trainable backbone layers should be in the range \[0,5\], got 6"):
        choose(6, is_trained=True)


def test_networks_of_other_families_are_refused():
    with pytest.raises(ValueError, match="should be that of a ResNet, found 'mobilenet_v2', a MobileNetV2"):
        resnet_fpn_backbone(backbone_name="mobilenet_v2", weights=None)
    with pytest.raises(ValueError, match="should be that of a MobileNetV2 or MobileNetV3, found 'resnet18', a ResNet"):
        mobilenet_backbone(backbone_name="resnet18", weights=None, fpn=True)


def test_epsilon_can_be_taken_out_of_frozen_batch_norm():
    backbone = RESNET50.choose(None, None, is_loaded=True, progress=False)
    norm_layer = frozen_if_trained(backbone, without_epsilon=True)
    network = resnet_fpn_backbone(backbone_name="resnet18", weights=None, norm_layer=norm_layer)
    assert {module.eps for module in network.modules() if isinstance(module, FrozenBatchNorm2d)} == {0.0}


def test_pyramid_stands_on_any_network():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 16, 3, 2, 1))
    backbone = BackboneWithFPN(network, {"1": "only"}, [16], 4, norm_layer=nn.BatchNorm2d)
    assert {name: tuple(level.shape) for name, level in backbone(torch.rand(1, 3, 16, 16)).items()} == {
        "only": (1, 4, 4, 4), "pool": (1, 4, 2, 2),
    }  # fmt: skip
    assert isinstance(backbone.fpn.inner_blocks[0][1], nn.BatchNorm2d)


# Calls of old


POSITIONAL = r"\w+\(\) got {names} by position, which is deprecated"
PRETRAINED = "pretrained= is deprecated"
BOOLEAN = "weights= should be an entry of weights, its name, or None; a boolean is deprecated"


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        (("resnet18",), {"weights": None}, [POSITIONAL.format(names="'backbone_name'")]),
        (("resnet18", None), {}, [POSITIONAL.format(names="'backbone_name' and 'weights'")]),
        (("resnet18",), {"pretrained": False}, [POSITIONAL.format(names="'backbone_name'"), PRETRAINED, BOOLEAN]),
        ((), {"backbone_name": "resnet18", "pretrained": False}, [PRETRAINED, BOOLEAN]),
        (("mobilenet_v2", False), {"fpn": True}, [POSITIONAL.format(names="'backbone_name' and 'weights'"), BOOLEAN]),
        (("mobilenet_v3_small", None, False), {}, [POSITIONAL.format(names="'backbone_name', 'weights', and 'fpn'")]),
    ],
)
def test_calls_of_old_work_and_warn_where_they_are_made(args, kwargs, expected):
    name = args[0] if args else kwargs["backbone_name"]
    builder = resnet_fpn_backbone if name.startswith("resnet") else mobilenet_backbone
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert builder(*args, **kwargs).out_channels == 256
    for warning, message in zip(caught, expected, strict=True):
        assert re.match(message, str(warning.message))
        assert warning.filename == __file__


def test_pretrained_stands_for_the_first_weights_of_the_named_network(monkeypatch):
    asked = []

    def build(name, *families, **kwargs):
        asked.append((name, kwargs["weights"]))
        raise KeyboardInterrupt  # before a file is needed

    monkeypatch.setattr("zoo_detection.backbones.resnet.named_network", build)
    with pytest.warns(UserWarning, match="is deprecated"), pytest.raises(KeyboardInterrupt):
        resnet_fpn_backbone(backbone_name="resnet34", pretrained=True)
    assert asked == [("resnet34", ResNet34_Weights.IMAGENET1K_V1)]


@pytest.mark.parametrize("kwargs", [{}, {"backbone_name": "resnet18"}, {"pretrained": False}])
def test_what_is_missing_of_a_call_is_said(kwargs):
    with pytest.raises(TypeError, match=r"missing 1? ?.*required keyword-only argument"):
        resnet_fpn_backbone(**kwargs)
