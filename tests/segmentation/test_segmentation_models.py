"""Segmentation models beyond what the recorded layouts and outputs show."""

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from marks import SCRIPTING
from reference.records import build_as
from zoo_classification import ResNet50_Weights, mobilenet_v3_large, resnet18, resnet50
from zoo_core import get_model, get_model_weights, list_models
from zoo_core.building import without_files
from zoo_core.layers import IntermediateLayerGetter
from zoo_segmentation import (
    ASPP,
    FCN,
    LRASPP,
    ASPPPooling,
    DeepLabHead,
    DeepLabV3,
    FCN_ResNet50_Weights,
    FCNHead,
    LRASPPHead,
    deeplabv3_mobilenet_v3_large,
    deeplabv3_resnet50,
    fcn_resnet50,
    lraspp_mobilenet_v3_large,
)

MODELS = list_models("zoo_segmentation")
WITH_AUXILIARY = [name for name in MODELS if not name.startswith("lraspp")]
SMALL = ["deeplabv3_mobilenet_v3_large", "fcn_resnet50", "lraspp_mobilenet_v3_large"]
SMALLEST = [pytest.param(name, marks=[pytest.mark.slow] * (name != "lraspp_mobilenet_v3_large")) for name in SMALL]
"""As above, the smallest alone in the fast tests."""


def untrained(name: str, **kwargs: Any) -> nn.Module:
    return get_model(name, weights_backbone=None, **kwargs)


def small_fcn(**kwargs: Any) -> FCN:
    backbone = IntermediateLayerGetter(resnet18(), {"layer3": "aux", "layer4": "out"})
    return FCN(backbone, FCNHead(512, 5), FCNHead(256, 5), **kwargs)


# The builders' arguments


@pytest.mark.parametrize("name", WITH_AUXILIARY)
@pytest.mark.parametrize(
    ("weights", "aux_loss", "expected"),
    [(None, None, False), (None, False, False), (None, True, True), ("DEFAULT", None, True), ("DEFAULT", True, True)],
)
def test_there_is_an_auxiliary_classifier_with_weights_or_where_it_is_asked_for(
    name: str, weights: str | None, aux_loss: bool | None, expected: bool
) -> None:
    with torch.device("meta"), without_files():
        network = get_model(name, weights=weights, aux_loss=aux_loss, weights_backbone=None)
    assert (network.aux_classifier is not None) == expected


@pytest.mark.parametrize("name", WITH_AUXILIARY)
def test_weights_without_their_auxiliary_classifier_are_refused_before_anything_is_fetched(name: str) -> None:
    message = r"'aux_loss' expected value True but got False .* set `model\.aux_classifier = None`"
    with pytest.raises(ValueError, match=message):
        get_model(name, weights="DEFAULT", aux_loss=False)


def test_lraspp_has_no_auxiliary_classifier() -> None:
    with pytest.raises(NotImplementedError, match="does not use auxiliary loss"):
        lraspp_mobilenet_v3_large(aux_loss=True)
    lraspp_mobilenet_v3_large(aux_loss=False, weights_backbone=None)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("arguments", "expected"), [({}, 21), ({"num_classes": 3}, 3)])
def test_there_are_21_classes_where_nothing_else_is_said(name: str, arguments: dict[str, int], expected: int) -> None:
    with torch.device("meta"):
        state = untrained(name, **arguments).state_dict()
    assert list(state.values())[-1].shape[0] == expected


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("weights", [None, "DEFAULT"])
def test_a_number_of_classes_that_is_not_positive_is_refused(name: str, weights: str | None) -> None:
    with pytest.raises(ValueError, match="num_classes should be a positive integer, found 0"):
        get_model(name, weights=weights, num_classes=0)


@pytest.mark.parametrize("name", MODELS)
def test_an_unknown_argument_is_refused(name: str) -> None:
    with torch.device("meta"), pytest.raises(TypeError, match="num_clases"):
        untrained(name, num_clases=3)


def test_more_arguments_go_to_the_backbone() -> None:
    with torch.device("meta"):
        network = fcn_resnet50(weights_backbone=None, norm_layer=nn.InstanceNorm2d)
    assert isinstance(network.backbone.bn1, nn.InstanceNorm2d)


def test_weights_of_another_model_are_refused() -> None:
    with pytest.raises(TypeError, match="FCN_ResNet50_Weights"):
        fcn_resnet50(weights=ResNet50_Weights.IMAGENET1K_V1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="ResNet50_Weights"):
        fcn_resnet50(weights_backbone=FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1)  # type: ignore[arg-type]


def test_pretrained_still_stands_for_weights_with_a_warning() -> None:
    with without_files(), pytest.warns(UserWarning, match="pretrained= is deprecated|boolean is deprecated"):
        network = lraspp_mobilenet_v3_large(pretrained=True, weights_backbone=None)
    assert network.classifier.low_classifier.out_channels == 21


def test_pretrained_backbone_still_stands_for_weights_of_the_backbone_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="pretrained_backbone= is deprecated|boolean is deprecated"):
        fcn_resnet50(pretrained_backbone=False)


# Weights of the backbone


def test_the_backbone_comes_from_its_own_weights_by_default(publish: Any) -> None:
    torch.manual_seed(0)
    donor = resnet50().state_dict()
    publish(ResNet50_Weights.IMAGENET1K_V1, donor)
    network = fcn_resnet50(aux_loss=True)
    state = network.backbone.state_dict()
    assert set(donor) - set(state) == {"fc.weight", "fc.bias"}
    assert all(torch.equal(tensor, donor[name]) for name, tensor in state.items())
    assert network.classifier[0].weight.std() > 0


def test_the_backbone_of_a_mobilenet_comes_from_its_own_weights(publish: Any) -> None:
    weights = get_model_weights("mobilenet_v3_large")["IMAGENET1K_V2"]
    torch.manual_seed(0)
    donor = mobilenet_v3_large().state_dict()
    publish(weights, donor)
    state = deeplabv3_mobilenet_v3_large(weights_backbone=weights).backbone.state_dict()  # type: ignore[arg-type]
    assert all(torch.equal(tensor, donor[f"features.{name}"]) for name, tensor in state.items())


def test_with_weights_nothing_is_fetched_for_the_backbone(publish: Any) -> None:
    member = get_model_weights("lraspp_mobilenet_v3_large")["DEFAULT"]
    state = build_as("lraspp_mobilenet_v3_large", member.name).state_dict()
    publish(member, state)
    network = lraspp_mobilenet_v3_large(weights=member, weights_backbone="DEFAULT")  # type: ignore[arg-type]
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_the_auxiliary_classifier_can_be_taken_off() -> None:
    network = small_fcn().eval()
    network.aux_classifier = None
    assert list(network(torch.zeros(1, 3, 32, 32))) == ["out"]


# Outputs


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(1, 1), (1, 90), (33, 47), (64, 64)])
def test_scores_have_the_size_of_the_images_whatever_it_is(name: str, size: tuple[int, int]) -> None:
    network = untrained(name, num_classes=4).eval()
    outputs = network(torch.zeros(2, 3, *size))
    assert isinstance(outputs, OrderedDict)
    assert {key: tuple(scores.shape) for key, scores in outputs.items()} == {"out": (2, 4, *size)}


@pytest.mark.parametrize("name", ["deeplabv3_mobilenet_v3_large"])
def test_auxiliary_scores_come_second_in_training_and_evaluation(name: str) -> None:
    network = untrained(name, aux_loss=True)
    for mode in (True, False):
        outputs = network.train(mode)(torch.rand(2, 3, 64, 64))
        assert [(key, tuple(scores.shape)) for key, scores in outputs.items()] == [
            ("out", (2, 21, 64, 64)),
            ("aux", (2, 21, 64, 64)),
        ]


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    torch.manual_seed(0)
    network = untrained(name, num_classes=3, **({} if name.startswith("lraspp") else {"aux_loss": True})).train()
    outputs = network(torch.rand(2, 3, 48, 40))
    labels = torch.randint(0, 3, (2, 48, 40))
    loss = sum(nn.functional.cross_entropy(scores, labels) for scores in outputs.values())
    loss.backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("name", SMALLEST)
def test_a_loss_goes_down_in_training(name: str) -> None:
    torch.manual_seed(0)
    network = untrained(name, num_classes=2)
    images = torch.zeros(2, 3, 32, 32)
    images[..., 16:] = 1
    labels = images[:, 0].long()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    losses = []
    for _ in range(8):
        loss = nn.functional.cross_entropy(network(images)["out"], labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@SCRIPTING
@pytest.mark.parametrize("name", SMALLEST)
def test_a_scripted_network_gives_the_same(name: str) -> None:
    network, images = untrained(name).eval(), torch.rand(1, 3, 40, 48)
    torch.testing.assert_close(torch.jit.script(network)(images)["out"], network(images)["out"])


@pytest.mark.parametrize("name", SMALLEST)
def test_an_exported_network_takes_images_of_other_sizes(name: str) -> None:
    network = untrained(name, num_classes=3).eval()
    sizes = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height", min=32), 3: torch.export.Dim("width", min=32)}
    program = torch.export.export(network, (torch.rand(2, 3, 64, 80),), dynamic_shapes=(sizes,)).module()
    images = torch.rand(3, 3, 50, 47)
    torch.testing.assert_close(program(images)["out"], network(images)["out"], rtol=1e-4, atol=1e-5)


# The parts


@pytest.mark.parametrize(
    ("name", "fine", "coarse"),
    [("fcn_resnet50", 8, 8), ("deeplabv3_resnet50", 8, 8), ("deeplabv3_mobilenet_v3_large", 8, 16)],
)
def test_backbones_stay_at_the_resolution_of_the_paper(name: str, fine: int, coarse: int) -> None:
    with torch.device("meta"):
        features = untrained(name, aux_loss=True).backbone(torch.zeros(1, 3, 96, 128))
    sizes = {key: tuple(values.shape[-2:]) for key, values in features.items()}
    assert sizes == {"aux": (96 // fine, 128 // fine), "out": (96 // coarse, 128 // coarse)}


def test_lraspp_sees_an_eighth_and_a_sixteenth() -> None:
    with torch.device("meta"):
        features = untrained("lraspp_mobilenet_v3_large").backbone(torch.zeros(1, 3, 96, 128))
    shapes = {key: tuple(values.shape[1:]) for key, values in features.items()}
    assert shapes == {"low": (40, 12, 16), "high": (960, 6, 8)}


def test_a_network_is_made_of_any_backbone() -> None:
    backbone = IntermediateLayerGetter(resnet18(), {"layer1": "low", "layer4": "high"})
    assert LRASPP(backbone, 64, 512, 5).eval()(torch.zeros(1, 3, 50, 70))["out"].shape == (1, 5, 50, 70)
    backbone = IntermediateLayerGetter(resnet18(), {"layer4": "out"})
    network = DeepLabV3(backbone, DeepLabHead(512, 5, atrous_rates=(1, 2))).eval()
    assert network(torch.zeros(1, 3, 50, 70))["out"].shape == (1, 5, 50, 70)


def test_the_pyramid_has_a_branch_a_rate_and_two_more() -> None:
    pyramid = ASPP(8, (2, 3), out_channels=4)
    assert [conv[0].dilation for conv in list(pyramid.convs)[1:3]] == [(2, 2), (3, 3)]
    assert len(pyramid.convs) == 4
    assert pyramid.project[0].in_channels == 16


def test_the_pooled_branch_is_the_same_everywhere() -> None:
    pooling = ASPPPooling(8, 4).eval()
    features = torch.rand(2, 8, 5, 6)
    output = pooling(features)
    assert output.shape == (2, 4, 5, 6)
    assert torch.equal(output, output[..., :1, :1].expand_as(output))
    torch.testing.assert_close(output[..., 0, 0], pooling(features.mean((2, 3), keepdim=True))[..., 0, 0])


def test_the_fine_classifier_of_lraspp_adds_to_the_interpolated_coarse_one() -> None:
    head = LRASPPHead(4, 8, num_classes=3, inter_channels=6).eval()
    features = {"low": torch.rand(1, 4, 10, 12), "high": torch.rand(1, 8, 5, 6)}
    weighted = head.cbr(features["high"]) * head.scale(features["high"])
    wide = nn.functional.interpolate(weighted, size=(10, 12), mode="bilinear")
    torch.testing.assert_close(head(features), head.low_classifier(features["low"]) + head.high_classifier(wide))


@pytest.mark.parametrize("builder", [fcn_resnet50, deeplabv3_resnet50])
def test_the_last_layers_can_be_replaced_by_index(builder: Any) -> None:
    with torch.device("meta"):
        network = builder(weights_backbone=None, aux_loss=True)
        network.classifier[4] = nn.Conv2d(network.classifier[4].in_channels, 2, 1)
        network.aux_classifier[4] = nn.Conv2d(network.aux_classifier[4].in_channels, 2, 1)
        outputs = network.eval()(torch.zeros(1, 3, 32, 32))
    assert [scores.shape[1] for scores in outputs.values()] == [2, 2]
