"""The order of things in the R-CNN family.

Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
Networks, 2015, arXiv:1506.01497, figure 2.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from zoo_core.layers import NotScriptable
from zoo_detection.foundation.levels import named_levels
from zoo_detection.inputs.targets import check_keypoints, check_masks, check_targets
from zoo_detection.inputs.transform import GeneralizedRCNNTransform, Target

from .roi_heads import RoIHeads


class GeneralizedRCNN(NotScriptable, nn.Module):
    """Proposes boxes on the features of a backbone, and looks at each of them.

    Args:
        backbone: Turns images `(N, C, H, W)` into features `(N, C, h, w)`, or into levels of them, the finest first: a
            dictionary, or a list or tuple, whose levels are then called `"0"`, `"1"`, and so on.
        rpn: Proposes boxes, as `RegionProposalNetwork`.
        roi_heads: Turns proposals into detections and losses, as `RoIHeads`.
        transform: Prepares the images, and brings detections back to their size, as `GeneralizedRCNNTransform`.
    """

    def __init__(
        self, backbone: nn.Module, rpn: nn.Module, roi_heads: nn.Module, transform: GeneralizedRCNNTransform
    ) -> None:
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.rpn = rpn
        self.roi_heads = roi_heads

    def forward(
        self, images: Sequence[Tensor], targets: Sequence[Target] | None = None, *, compute_losses: bool = False
    ) -> dict[str, Tensor] | list[Target] | tuple[dict[str, Tensor], list[Target]]:
        """Detect objects, or in training compute the losses.

        Args:
            images: `(C, H, W)` each, floating point in [0, 1], of any sizes.
            targets: In training, for each image `boxes` `(N, 4)`, as x1, y1, x2, y2 in pixels, and `labels` `(N,)`,
                from 1 on; further `masks` `(N, H, W)` or `keypoints` `(N, K, 3)`, as x, y and visibility, where the
                model learns them. N may be 0. Integers will do.
            compute_losses: In evaluation, compute the losses, too; it needs `targets`. Training always does.

        Returns:
            In training the losses by name. In evaluation, for each image `boxes` `(D, 4)`, `labels` `(D,)`, `scores`
            `(D,)`, in [0, 1] and descending, and as the model has them `masks` `(D, 1, H, W)`, probabilities,
            `keypoints` `(D, K, 3)` and `keypoints_scores` `(D, K)`. Both, losses and detections, if evaluation is to
            `compute_losses`: proposals are drawn for them as in training, at random.

        Raises:
            ValueError: An image is of another shape.
            TypeError: An image, or something in a target, is of another type.
            TargetError: A target cannot be trained with: the message says of which image and box.
        """
        targets = self._checked(images, targets) if self.training or compute_losses else None
        batch, targets = self.transform(images, targets)
        features = named_levels(self.backbone(batch.tensors))
        proposals, proposal_losses = self.rpn(batch, features, targets)
        detections, detector_losses = self.roi_heads(features, proposals, batch.image_sizes, targets)
        losses = {**detector_losses, **proposal_losses}
        if not self.training:
            original_sizes = [(image.shape[-2], image.shape[-1]) for image in images]
            detections = self.transform.postprocess(detections, batch.image_sizes, original_sizes)
        return (losses, detections) if compute_losses and not self.training else self.eager_outputs(losses, detections)

    def eager_outputs(self, losses: dict[str, Tensor], detections: list[Target]) -> dict[str, Tensor] | list[Target]:
        """Return of both what `forward` returns: the losses in training, the detections in evaluation."""
        return losses if self.training else detections

    def _checked(self, images: Sequence[Tensor], targets: Sequence[Target] | None) -> list[Target]:
        checked = check_targets(targets, images)
        if isinstance(self.roi_heads, RoIHeads) and self.roi_heads.has_mask():
            check_masks(checked, images)
        if isinstance(self.roi_heads, RoIHeads) and self.roi_heads.has_keypoint():
            check_keypoints(checked)
        return checked
