"""SSD and SSDlite beyond what the recorded layouts, outputs and losses show."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo_classification import VGG16_Weights, mobilenet_v3_large, vgg16
from zoo_core.building import without_files
from zoo_detection import SSD, DefaultBoxGenerator, SSDHead, SSDLiteHead, ssd300_vgg16, ssdlite320_mobilenet_v3_large
from zoo_detection._ssd import level_channels
from zoo_detection._ssdlite import SSDLiteFeatureExtractorMobileNet
from zoo_detection.backbones.vgg import SSDFeatureExtractorVGG

BUILDERS = pytest.mark.parametrize("builder", [ssd300_vgg16, ssdlite320_mobilenet_v3_large])


def built(builder: Any, **kwargs: Any) -> Any:
    with torch.device("meta"), without_files():
        return builder(**kwargs)


@pytest.mark.parametrize(
    ("side", "highres", "sides"), [(300, False, [38, 19, 10, 5, 3, 1]), (512, True, [64, 32, 16, 8, 6, 4, 1])]
)
def test_levels_of_the_vgg_have_the_sizes_of_the_paper(side: int, highres: bool, sides: list[int]) -> None:
    with torch.device("meta"):
        backbone = SSDFeatureExtractorVGG(vgg16().features, highres)  # type: ignore[arg-type]
        levels = backbone(torch.zeros(1, 3, side, side))
    assert [tuple(level.shape[2:]) for level in levels.values()] == [(size, size) for size in sides]
    assert [level.shape[1] for level in levels.values()] == backbone.out_channels


def test_the_first_level_is_normalised_and_starts_at_20() -> None:
    backbone = SSDFeatureExtractorVGG(vgg16().features)  # type: ignore[arg-type]
    backbone.extra = nn.ModuleList()
    first = backbone(torch.rand(1, 3, 64, 64))["0"]
    assert first.norm(dim=1).max().item() == pytest.approx(20, rel=1e-4)


@pytest.mark.slow
def test_the_vgg_of_the_first_features_is_loaded(publish: Any) -> None:
    member = VGG16_Weights.IMAGENET1K_FEATURES
    state = {name: torch.full_like(tensor, 0.5) for name, tensor in vgg16().state_dict().items()}
    publish(member, state)
    model = ssd300_vgg16(weights_backbone=member, num_classes=3)
    assert model.backbone.features[0].weight.unique().tolist() == [0.5]
    assert model.backbone.extra[0][5].bias.unique().tolist() == [0.5]
    assert not model.backbone.features[0].weight.requires_grad
    assert model.backbone.features[5].weight.requires_grad


def test_a_backbone_that_does_not_tell_its_channels_is_tried_out() -> None:
    class Levels(nn.Sequential):
        def forward(self, images: Tensor) -> dict[str, Tensor]:
            fine = self[0](images)
            return {"0": fine, "1": self[1](fine)}

    backbone = Levels(nn.Conv2d(3, 5, 3, 2), nn.Conv2d(5, 7, 3, 2))
    assert level_channels(backbone, (40, 30)) == [5, 7]
    assert backbone.training
    assert level_channels(nn.Conv2d(3, 9, 3), (40, 30)) == [9]


@pytest.mark.parametrize("builder", [ssd300_vgg16, ssdlite320_mobilenet_v3_large])
def test_no_image_is_computed_while_a_model_is_built(builder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("a convolution ran")

    monkeypatch.setattr(nn.Conv2d, "forward", fail)
    builder(weights_backbone=None)


def test_what_the_backbones_tell_of_their_channels_is_true() -> None:
    blocks = mobilenet_v3_large().features
    for backbone in (
        SSDFeatureExtractorVGG(vgg16().features),  # type: ignore[arg-type]
        SSDLiteFeatureExtractorMobileNet(blocks, 13, nn.BatchNorm2d, width_mult=0.5),
    ):
        levels = backbone.eval()(torch.zeros(1, 3, 300, 300)).values()
        assert backbone.out_channels == [level.shape[1] for level in levels]


def test_levels_without_default_boxes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"backbone \(1\) do not match the length of the anchor generator .* \(2\)"):
        SSD(nn.Conv2d(3, 8, 3), DefaultBoxGenerator([[2], [2]]), (32, 32), 3)


def test_heads_for_other_numbers_of_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="num_anchors should be as many as in_channels, found 1 and 2"):
        SSDHead([8, 8], [4], 3)


def test_three_negatives_are_mined_for_each_positive_those_of_the_greatest_losses() -> None:
    model = SSD(nn.Conv2d(3, 8, 3, 8), DefaultBoxGenerator([[2]]), (32, 32), 3)
    losses = torch.tensor([[9.0, 1, 8, 2, 7, 3, 6, 4], [1, 2, 3, 4, 5, 6, 7, 8]])
    foreground = torch.zeros(2, 8, dtype=torch.bool)
    foreground[0, 0] = foreground[1, :2] = True
    chosen = model._hard_negatives(losses, foreground)
    assert chosen.nonzero().tolist() == [[0, 2], [0, 4], [0, 6], *([1, column] for column in range(2, 8))]


def test_the_share_of_positives_may_be_another() -> None:
    model = SSD(nn.Conv2d(3, 8, 3, 8), DefaultBoxGenerator([[2]]), (32, 32), 3, positive_fraction=0.5)
    assert model.neg_to_pos_ratio == 1.0


@BUILDERS
def test_another_size_is_ignored_with_a_warning(builder: Any) -> None:
    with pytest.warns(UserWarning, match="size of the model is already fixed"):
        model = built(builder, weights_backbone=None, size=(64, 64))
    assert model.transform.fixed_size in {(300, 300), (320, 320)}


@BUILDERS
def test_defaults_may_be_replaced(builder: Any) -> None:
    model = built(builder, weights_backbone=None, score_thresh=0.3, image_mean=[0.1] * 3)
    assert (model.score_thresh, model.transform.image_mean) == (0.3, [0.1] * 3)


@pytest.mark.parametrize(
    ("kwargs", "channels"), [({}, 960), ({"weights_backbone": None}, 480), ({"weights": "DEFAULT"}, 480)]
)
def test_the_tail_is_reduced_unless_the_mobilenet_is_pretrained_itself(kwargs: dict[str, Any], channels: int) -> None:
    assert built(ssdlite320_mobilenet_v3_large, **kwargs).backbone.features[1][-1].out_channels == channels


def test_norm_layers_of_the_user_s_own_are_used_throughout() -> None:
    model = built(ssdlite320_mobilenet_v3_large, weights_backbone=None, norm_layer=partial(nn.GroupNorm, 1))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_batch_norm_moves_slowly() -> None:
    model = built(ssdlite320_mobilenet_v3_large, weights_backbone=None)
    norms = {(m.eps, m.momentum) for m in model.modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms == {(0.001, 0.03)}


def test_convolutions_start_from_normal_values() -> None:
    torch.manual_seed(0)
    model = ssdlite320_mobilenet_v3_large(weights_backbone=None, num_classes=5)
    weights = torch.cat([m.weight.flatten() for m in model.modules() if isinstance(m, nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.03, rel=0.01)


def test_a_block_that_keeps_the_resolution_cannot_be_divided() -> None:
    with torch.device("meta"):
        blocks = mobilenet_v3_large().features
    with pytest.raises(ValueError, match="without a shortcut, block 14 is none"):
        SSDLiteFeatureExtractorMobileNet(blocks, 14, nn.BatchNorm2d)


def test_the_light_head_is_depthwise() -> None:
    head = SSDLiteHead([16], [6], 5, nn.BatchNorm2d)
    depthwise = head.classification_head.module_list[0][0][0]
    assert (depthwise.groups, depthwise.kernel_size) == (16, (3, 3))
