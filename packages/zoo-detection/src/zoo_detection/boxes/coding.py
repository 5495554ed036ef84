"""How boxes are written relative to others, for networks to predict.

`BoxCoder`: Ross Girshick, Jeff Donahue, Trevor Darrell, Jitendra Malik: Rich feature hierarchies for accurate object
detection and semantic segmentation, 2013, arXiv:1311.2524, appendix C. Faster R-CNN, 2015, arXiv:1506.01497,
equation 2.

`BoxLinearCoder`: Zhi Tian, Chunhua Shen, Hao Chen, Tong He: FCOS: Fully Convolutional One-Stage Object Detection, 2019,
arXiv:1904.01355, equation 1.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from zoo_detection.foundation.precision import widen


class BoxCoder:
    """Writes boxes as shifts of another box's centre, and logarithms of the ratios of their sizes.

    Args:
        weights: What the four codes (x, y, width, height) are multiplied by.
        bbox_xform_clip: Greatest logarithm when decoding, so that no box overflows.

    Example:
        >>> import torch
        >>> from zoo_detection.boxes.coding import BoxCoder
        >>> coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
        >>> coder.encode_single(torch.tensor([[10.0, 0.0, 20.0, 10.0]]), torch.tensor([[0.0, 0.0, 10.0, 10.0]]))
        tensor([[10.,  0.,  0.,  0.]])
    """

    def __init__(
        self, weights: tuple[float, float, float, float], bbox_xform_clip: float = math.log(1000.0 / 16)
    ) -> None:
        self.weights = weights
        self.bbox_xform_clip = bbox_xform_clip

    def encode(self, reference_boxes: Sequence[Tensor], proposals: Sequence[Tensor]) -> list[Tensor]:
        """Encode the boxes of several images; see `encode_single`."""
        sizes = [len(boxes) for boxes in reference_boxes]
        codes = self.encode_single(torch.cat(list(reference_boxes)), torch.cat(list(proposals)))
        return list(torch.split(codes, sizes))

    def encode_single(self, reference_boxes: Tensor, proposals: Tensor) -> Tensor:
        """Write `reference_boxes` relative to `proposals`, both `(N, 4)`, as codes `(N, 4)`."""
        weights = torch.as_tensor(self.weights, dtype=reference_boxes.dtype, device=reference_boxes.device)
        centres, sizes = _centres_and_sizes(proposals)
        reference_centres, reference_sizes = _centres_and_sizes(reference_boxes)
        shifts = (reference_centres - centres) / sizes
        return torch.cat((shifts, torch.log(reference_sizes / sizes)), dim=1) * weights

    def decode(self, rel_codes: Tensor, boxes: Sequence[Tensor]) -> Tensor:
        """Decode the codes of all images, `(N, 4 * K)`, relative to each image's `boxes`: `(N, K, 4)`."""
        return _by_fours(self.decode_single(rel_codes, torch.cat(list(boxes))))

    def decode_single(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        """Return the boxes `(N, 4 * K)`, at least in single precision, that K codes each make of `boxes`, `(N, 4)`."""
        rel_codes = widen(rel_codes)
        weights = torch.tensor(self.weights, dtype=rel_codes.dtype, device=rel_codes.device)
        codes = _by_fours(rel_codes) / weights
        centres, sizes = (part[:, None] for part in _centres_and_sizes(boxes.to(rel_codes.dtype)))
        decoded_centres = codes[..., :2] * sizes + centres
        halves = codes[..., 2:].clamp(max=self.bbox_xform_clip).exp() * sizes * 0.5
        return torch.cat((decoded_centres - halves, decoded_centres + halves), dim=2).flatten(1)


class BoxLinearCoder:
    """Writes boxes as the distances of their sides from another box's centre (left, top, right, bottom).

    Args:
        normalize_by_size: Divide by the other box's width and height.

    Example:
        >>> import torch
        >>> from zoo_detection.boxes.coding import BoxLinearCoder
        >>> coder = BoxLinearCoder()
        >>> coder.encode(torch.tensor([[2.0, 2.0, 6.0, 6.0]]), torch.tensor([[0.0, 0.0, 10.0, 10.0]]))
        tensor([[1.0000, 1.0000, 1.5000, 1.5000]])
    """

    def __init__(self, normalize_by_size: bool = True) -> None:
        self.normalize_by_size = normalize_by_size

    def encode(self, reference_boxes: Tensor, proposals: Tensor) -> Tensor:
        """Write `proposals` relative to `reference_boxes`, both `(..., 4)`, as codes `(..., 4)`."""
        centres, sizes = _centres_and_sizes(reference_boxes)
        codes = torch.cat((centres - proposals[..., :2], proposals[..., 2:] - centres), dim=-1)
        return codes / torch.cat((sizes, sizes), dim=-1) if self.normalize_by_size else codes

    def decode(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        """Return the boxes `(..., 4)`, at least in single precision, that codes `(..., 4)` make of `boxes`."""
        rel_codes = widen(rel_codes)
        centres, sizes = _centres_and_sizes(boxes.to(rel_codes.dtype))
        if self.normalize_by_size:
            rel_codes = rel_codes * torch.cat((sizes, sizes), dim=-1)
        return torch.cat((centres - rel_codes[..., :2], centres + rel_codes[..., 2:]), dim=-1)


def _by_fours(codes: Tensor) -> Tensor:
    """View `(N, 4 * K)` as `(N, K, 4)`."""
    return codes.reshape(codes.shape[0], codes.shape[1] // 4, 4)


def _centres_and_sizes(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return `(x, y)` and `(width, height)` of boxes `(..., 4)`."""
    sizes = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + 0.5 * sizes, sizes
