"""The order of things in the R-CNN family.

Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
Networks, 2015, arXiv:1506.01497, figure 2.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from ._roi_heads import RoIHeads
from ._targets import check_targets
from ._transform import GeneralizedRCNNTransform, Target


class GeneralizedRCNN(nn.Module):
    """Proposes boxes on the features of a backbone, and looks at each of them.

    Args:
        backbone: Turns images `(N, C, H, W)` into features `(N, C, h, w)`, or into a dictionary of levels.
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
        self, images: Sequence[Tensor], targets: Sequence[Target] | None = None
    ) -> dict[str, Tensor] | list[Target]:
        """Detect objects, or in training compute the losses.

        Args:
            images: `(C, H, W)` each, floating point in [0, 1], of any sizes.
            targets: In training, for each image `boxes` `(N, 4)`, as x1, y1, x2, y2 in pixels, and `labels` `(N,)`,
                int64, from 1 on; further `masks` `(N, H, W)` or `keypoints` `(N, K, 3)`, as x, y and visibility, where
                the model learns them. N may be 0.

        Returns:
            In training the losses by name. In evaluation, for each image `boxes` `(D, 4)`, `labels` `(D,)`, `scores`
            `(D,)`, in [0, 1] and descending, and as the model has them `masks` `(D, 1, H, W)`, probabilities,
            `keypoints` `(D, K, 3)` and `keypoints_scores` `(D, K)`.

        Raises:
            ValueError: An image is of another shape.
            TypeError: An image, or something in a target, is of another type.
            TargetError: A target cannot be trained with: the message says of which image and box.
        """
        if not self.training:
            targets = None
        else:
            check_targets(targets, images)
            assert targets is not None
            if isinstance(self.roi_heads, RoIHeads):
                self.roi_heads.check_targets(targets, images)
        batch, targets = self.transform(images, targets)
        features = self.backbone(batch.tensors)
        if isinstance(features, Tensor):
            features = OrderedDict([("0", features)])
        proposals, proposal_losses = self.rpn(batch, features, targets)
        detections, detector_losses = self.roi_heads(features, proposals, batch.image_sizes, targets)
        if self.training:
            return {**detector_losses, **proposal_losses}
        original_sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        return self.transform.postprocess(detections, batch.image_sizes, original_sizes)
