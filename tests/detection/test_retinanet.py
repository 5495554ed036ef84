"""RetinaNet beyond what the recorded layouts, outputs and losses show."""

import math
import re
from typing import Any

import pytest
import torch
from torch import nn

from zoo_core.building import without_files
from zoo_detection import (
    RetinaNet,
    RetinaNet_ResNet50_FPN_Weights,
    RetinaNetHead,
    retinanet_resnet50_fpn,
    retinanet_resnet50_fpn_v2,
)
from zoo_detection._retinanet import RetinaNetRegressionHead
from zoo_detection.ops import FrozenBatchNorm2d


def built(builder: Any, **kwargs: Any) -> RetinaNet:
    with torch.device("meta"), without_files():
        model = builder(**kwargs)
    assert isinstance(model, RetinaNet)
    return model


def frozen_epsilons(model: nn.Module) -> set[float]:
    return {module.eps for module in model.modules() if isinstance(module, FrozenBatchNorm2d)}


def test_every_score_starts_at_the_prior_probability() -> None:
    head = RetinaNetHead(16, num_anchors=2, num_classes=3)
    assert head([torch.zeros(1, 16, 4, 4)])["cls_logits"].sigmoid().unique().tolist() == pytest.approx([0.01])


def test_convolutions_start_near_zero() -> None:
    torch.manual_seed(0)
    head = RetinaNetHead(64, 9, 20)
    weights = torch.cat([module.weight.flatten() for module in head.modules() if isinstance(module, nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.01, rel=0.02)


def test_files_with_the_older_names_of_heads_load() -> None:
    head = RetinaNetHead(8, 2, 3)
    older = {older_name(name): torch.rand_like(tensor) for name, tensor in head.state_dict().items()}
    assert "classification_head.conv.6.weight" in older
    assert "regression_head.conv.2.bias" in older
    head.load_state_dict(older)
    assert torch.equal(head.classification_head.conv[3][0].weight, older["classification_head.conv.6.weight"])
    assert torch.equal(head.regression_head.conv[1][0].bias, older["regression_head.conv.2.bias"])


def older_name(name: str) -> str:
    name = re.sub(r"(fpn\.(?:inner|layer)_blocks\.\d)\.0\.", r"\1.", name)
    return re.sub(r"(_head\.conv)\.(\d)\.0\.", lambda match: f"{match[1]}.{2 * int(match[2])}.", name)


@pytest.mark.slow
def test_a_whole_file_with_older_names_loads(publish: Any) -> None:
    with without_files():
        state = retinanet_resnet50_fpn(weights="DEFAULT").state_dict()
    older = {older_name(name): tensor for name, tensor in state.items()}
    assert {"backbone.fpn.inner_blocks.2.bias", "head.regression_head.conv.6.weight"} <= older.keys()
    publish(RetinaNet_ResNet50_FPN_Weights.COCO_V1, older, as_zip=False)
    loaded = retinanet_resnet50_fpn(weights="DEFAULT").state_dict()
    assert list(loaded) == list(state)
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def test_epsilon_is_zero_with_the_first_weights_alone() -> None:
    member = RetinaNet_ResNet50_FPN_Weights.COCO_V1
    assert frozen_epsilons(built(retinanet_resnet50_fpn, weights=member)) == {0.0}
    assert frozen_epsilons(built(retinanet_resnet50_fpn, weights=member, num_classes=3)) == {0.0}
    assert frozen_epsilons(built(retinanet_resnet50_fpn)) == {1e-5}


def test_batch_norm_is_frozen_where_anything_is_pretrained() -> None:
    assert frozen_epsilons(built(retinanet_resnet50_fpn, weights_backbone=None)) == set()
    assert frozen_epsilons(built(retinanet_resnet50_fpn_v2, weights="DEFAULT")) == set()


def test_the_number_of_classes_is_that_of_the_weights_or_91_or_what_is_asked_for() -> None:
    for kwargs, number in (({"weights": "DEFAULT"}, 91), ({}, 91), ({"num_classes": 5}, 5)):
        assert built(retinanet_resnet50_fpn, **kwargs).head.classification_head.num_classes == number


def test_a_head_of_the_user_s_own_goes_first() -> None:
    head = RetinaNetHead(256, 9, 6, norm_layer=nn.BatchNorm2d)
    assert built(retinanet_resnet50_fpn_v2, head=head).head is head


@pytest.mark.parametrize("loss", ["l1", "giou"])
def test_a_perfect_prediction_costs_nothing(loss: Any) -> None:
    head = RetinaNetRegressionHead(8, 1, loss=loss)
    anchors = torch.tensor([[0.0, 0, 10, 20], [50, 50, 90, 80]])
    boxes = torch.tensor([[52.0, 48, 80, 95]])
    codes = head.box_coder.encode_single(boxes.expand(2, 4), anchors)
    outputs = {"bbox_regression": codes[None]}
    matches = [torch.tensor([-1, 0])]
    loss = head.compute_loss([{"boxes": boxes}], outputs, [anchors], matches)
    assert loss.item() == pytest.approx(0, abs=1e-5)


def test_anchors_between_the_thresholds_do_not_count() -> None:
    head = RetinaNetHead(8, 1, 2).classification_head
    logits = torch.tensor([[[5.0, -5], [-5, -5], [7, 7]]])
    loss = head.compute_loss([{"labels": torch.tensor([0])}], {"cls_logits": logits}, [torch.tensor([0, -1, -2])])
    sure, alpha = 1 / (1 + math.exp(5)), 0.25
    good = -math.log(1 - sure) * sure**2
    assert loss.item() == pytest.approx(good * (alpha + 3 * (1 - alpha)), rel=1e-3)


def test_a_loss_of_no_name_is_refused() -> None:
    head = RetinaNetRegressionHead(8, 1, loss="l3")  # type: ignore[arg-type]
    target, box = {"boxes": torch.tensor([[0.0, 0, 5, 5]])}, torch.tensor([[0.0, 0, 5, 6]])
    with pytest.raises(ValueError, match="Unsupported loss 'l3'"):
        head.compute_loss([target], {"bbox_regression": torch.zeros(1, 1, 4)}, [box], [torch.tensor([0])])
