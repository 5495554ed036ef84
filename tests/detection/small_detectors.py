"""A detector of each kind that is quick to run, and what it is run and trained with."""

from typing import Any

import torch
from torch import Tensor, nn

from zoo_detection import (
    FCOS,
    SSD,
    AnchorGenerator,
    DefaultBoxGenerator,
    FasterRCNN,
    KeypointRCNN,
    KeypointRCNNHeads,
    MaskRCNN,
    MaskRCNNHeads,
    RetinaNet,
)
from zoo_detection.ops import MultiScaleRoIAlign

KINDS = {kind.__name__: kind for kind in (FasterRCNN, MaskRCNN, KeypointRCNN, RetinaNet, FCOS, SSD)}


class Backbone(nn.Module):
    """One level of features, in the form that is asked for."""

    def __init__(self, form: str = "tensor") -> None:
        super().__init__()
        self.out_channels = 32
        self.conv = nn.Conv2d(3, 32, 8, stride=8)
        self.form = form

    def forward(self, x: Tensor) -> Any:
        features = self.conv(x).relu()
        forms = {"tensor": features, "list": [features], "tuple": (features,), "dict": {"0": features}}
        return forms[self.form]


def detector(kind: str, form: str = "tensor", **kwargs: Any) -> nn.Module:
    """Build a detector of three classes on a backbone that gives its features in a form."""
    torch.manual_seed(0)
    backbone, anchors = Backbone(form), AnchorGenerator(((16, 32),), ((0.5, 1.0, 2.0),))
    pools = {size: MultiScaleRoIAlign(["0"], size, 2) for size in (7, 14)}
    rcnn = {"rpn_anchor_generator": anchors, "box_roi_pool": pools[7], "box_score_thresh": 0.0, "min_size": 64}
    rcnn |= {"box_detections_per_img": 8, "box_batch_size_per_image": 16}
    own: dict[str, dict[str, Any]] = {
        "FasterRCNN": rcnn,
        "MaskRCNN": rcnn | {"mask_roi_pool": pools[14], "mask_head": MaskRCNNHeads(32, (256,))},
        "KeypointRCNN": rcnn | {"keypoint_roi_pool": pools[14], "keypoint_head": KeypointRCNNHeads(32, (512,))},
        "RetinaNet": {"anchor_generator": anchors, "score_thresh": 0.0, "min_size": 64},
        "FCOS": {"anchor_generator": AnchorGenerator(((16,),), ((1.0,),)), "score_thresh": 0.0, "min_size": 64},
        "SSD": {"anchor_generator": DefaultBoxGenerator([[2]]), "size": (64, 64), "score_thresh": 0.0},
    }
    return KINDS[kind](backbone, num_classes=3, **(own[kind] | kwargs))


def filled(model: nn.Module) -> nn.Module:
    """Fill the parameters of a model with numbers that depend on their names and shapes alone."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            spread = 0.05 if parameter.dim() > 1 else 0.02
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
    return model


def images() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(3, *size, generator=generator) for size in ((70, 90), (64, 60))]


def targets() -> list[dict[str, Tensor]]:
    boxes = [torch.tensor([[5.0, 5.0, 40.0, 50.0], [30.0, 20.0, 60.0, 60.0]]), torch.tensor([[10.0, 10.0, 50.0, 40.0]])]
    return [
        {
            "boxes": box,
            "labels": torch.ones(len(box), dtype=torch.int64),
            "masks": torch.ones(len(box), *image.shape[1:], dtype=torch.uint8),
            "keypoints": torch.cat(
                [box[:, None, :2] + torch.arange(17.0)[:, None], torch.ones(len(box), 17, 1)], dim=2
            ),
        }
        for box, image in zip(boxes, images(), strict=True)
    ]
