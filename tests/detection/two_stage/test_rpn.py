"""The region proposal network."""

import pytest
import torch

from zoo_detection import AnchorGenerator, ImageList, RegionProposalNetwork, RPNHead
from zoo_detection.ops import box_iou

SHAPES = [(60, 90), (64, 80)]
IMAGES = ImageList(torch.zeros(2, 3, 64, 96), SHAPES)
LEVELS = {"0": (8, 12), "1": (4, 6)}


def network(**kwargs):
    settings = {
        "fg_iou_thresh": 0.7,
        "bg_iou_thresh": 0.3,
        "batch_size_per_image": 32,
        "positive_fraction": 0.5,
        "pre_nms_top_n": {"training": 60, "testing": 40},
        "post_nms_top_n": {"training": 30, "testing": 10},
        "nms_thresh": 0.7,
        **kwargs,
    }
    torch.manual_seed(0)
    anchors = AnchorGenerator(sizes=((16,), (32,)), aspect_ratios=((0.5, 1.0, 2.0),) * 2)
    rpn = RegionProposalNetwork(anchors, RPNHead(8, 3), **settings)
    torch.nn.init.normal_(rpn.head.cls_logits.weight, std=1)
    return rpn


def features():
    torch.manual_seed(1)
    return {name: torch.randn(2, 8, *size) for name, size in LEVELS.items()}


def targets(*boxes):
    return [{"boxes": torch.tensor(box).reshape(-1, 4)} for box in boxes]


def proposals_by_definition(rpn, levels):
    """Decode everything, and choose among the boxes of each level one by one."""
    objectness, codes = rpn.head(list(levels.values()))
    anchors = rpn.anchor_generator(IMAGES, list(levels.values()))[0]
    results = []
    for image, (height, width) in enumerate(SHAPES):
        start, kept = 0, []
        for logits, code in zip(objectness, codes, strict=True):
            scores = logits[image].permute(1, 2, 0).flatten()
            rows = code[image].view(3, 4, *code.shape[2:]).permute(2, 3, 0, 1).reshape(-1, 4)
            boxes = rpn.box_coder.decode_single(rows, anchors[start : start + len(scores)])
            boxes = boxes.clamp(min=0).minimum(torch.tensor([width, height, width, height]))
            start += len(scores)
            of_level = []
            for index in scores.argsort(descending=True)[: rpn.pre_nms_top_n()].tolist():
                box = boxes[index : index + 1]
                if all(box_iou(box, other) <= rpn.nms_thresh for _, other in of_level):
                    of_level.append((scores[index].item(), box))
            kept += of_level
        kept.sort(key=lambda pair: -pair[0])
        results.append(torch.cat([box for _, box in kept[: rpn.post_nms_top_n()]]))
    return results


@torch.no_grad()
def test_proposals_are_the_most_probable_of_each_level_that_do_not_overlap():
    rpn, levels = network().eval(), features()
    proposals, losses = rpn(IMAGES, levels)
    assert losses == {}
    for found, expected in zip(proposals, proposals_by_definition(rpn, levels), strict=True):
        assert len(found) == 10
        torch.testing.assert_close(found, expected)


@torch.no_grad()
def test_proposals_lie_in_their_image_and_training_has_more_of_them():
    proposals, _ = network().train()(IMAGES, features(), targets([[4.0, 4.0, 30.0, 30.0]], []))
    for boxes, (height, width) in zip(proposals, SHAPES, strict=True):
        assert 10 < len(boxes) <= 30
        assert boxes.min() >= 0
        assert boxes[:, 2].max() <= width
        assert boxes[:, 3].max() <= height


@torch.no_grad()
def test_improbable_proposals_can_be_dropped():
    rpn = network(score_thresh=0.9).eval()
    torch.nn.init.constant_(rpn.head.cls_logits.bias, -100)
    assert [len(boxes) for boxes in rpn(IMAGES, features())[0]] == [0, 0]


def test_anchors_are_labelled_by_their_overlap():
    rpn = network()
    anchors = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0], [50.0, 50.0, 60.0, 60.0]])
    labels, matched = rpn.assign_targets_to_anchors([anchors, anchors], targets([[0.0, 0.0, 10.0, 9.0]], []))
    assert [label.tolist() for label in labels] == [[1, -1, 0], [0, 0, 0]]
    assert matched[0][0].tolist() == [0, 0, 10, 9]


def test_losses_are_means_over_the_anchors_drawn_and_reach_the_head():
    rpn = network(batch_size_per_image=10**6).train()
    _, losses = rpn(IMAGES, features(), targets([[4.0, 4.0, 30.0, 30.0]], [[40.0, 10.0, 60.0, 60.0]]))
    assert sorted(losses) == ["loss_objectness", "loss_rpn_box_reg"]
    sum(losses.values()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in rpn.parameters())


def test_image_without_objects_has_losses_too():
    _, losses = network().train()(IMAGES, features(), targets([], []))
    assert losses["loss_rpn_box_reg"].item() == 0
    assert losses["loss_objectness"].item() > 0


@pytest.mark.parametrize("prefix", ["", "rpn.head."])
def test_files_with_the_older_names_of_the_convolution_load(prefix):
    head = RPNHead(4, 3)
    module = torch.nn.ModuleDict({"rpn": torch.nn.ModuleDict({"head": head})}) if prefix else head
    state = {name.replace("conv.0.0.", "conv."): torch.rand_like(value) for name, value in module.state_dict().items()}
    assert f"{prefix}conv.weight" in state
    module.load_state_dict(state)
    assert torch.equal(head.conv[0][0].weight, state[f"{prefix}conv.weight"])
