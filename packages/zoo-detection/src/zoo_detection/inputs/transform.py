"""What detectors do to images before the backbone, and undo in their results.

Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
Networks, 2015, arXiv:1506.01497: images are resized so that the shorter side has a certain length (section 3.3).

Sizes are computed by plain arithmetic on `shape`, without tensors and without branches, so that an exported program
computes them for images of any height and width.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_detection.foundation.overriding import is_overridden
from zoo_detection.foundation.sizes import larger, smaller
from zoo_detection.masks.pasting import paste_masks_in_image

from .image_list import ImageList

Target = dict[str, Tensor]
"""What is true of one image, or detected in it: tensors by name, `boxes` and `labels` among them."""


class GeneralizedRCNNTransform(nn.Module):
    """Normalises and resizes images, and the boxes, masks and keypoints on them, and batches them.

    Subclasses may override each step: `normalize`, `torch_choice`, `resize`, `batch_images` and `postprocess`.

    Args:
        min_size: Length that the shorter side of images is resized to, in pixels. From several, training draws one for
            each image, and evaluation takes the last.
        max_size: Length that the longer side may have; the shorter one is then less than `min_size`.
        image_mean: A value for each channel, subtracted from pixels in [0, 1].
        image_std: A value for each channel, by which the difference is divided.
        size_divisible: Batches are padded so that their height and width are multiples of this.
        fixed_size: Width and height that all images are resized to, whatever their shape, instead of the above.
        _skip_resize: In training, leave images and targets at their size: they have been resized before.

    Example:
        >>> import torch
        >>> from zoo_detection import GeneralizedRCNNTransform
        >>> transform = GeneralizedRCNNTransform(64, 128, [0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
        >>> images, _ = transform([torch.rand(3, 100, 150), torch.rand(3, 80, 40)])
        >>> images.tensors.shape, images.image_sizes
        (torch.Size([2, 3, 128, 96]), [(64, 96), (128, 64)])
    """

    def __init__(
        self,
        min_size: int | Sequence[int],
        max_size: int,
        image_mean: Sequence[float],
        image_std: Sequence[float],
        size_divisible: int = 32,
        fixed_size: tuple[int, int] | None = None,
        *,
        _skip_resize: bool = False,
    ) -> None:
        super().__init__()
        self.min_size = (min_size,) if isinstance(min_size, int) else tuple(min_size)
        self.max_size = max_size
        self.image_mean = list(image_mean)
        self.image_std = list(image_std)
        self.size_divisible = size_divisible
        self.fixed_size = fixed_size
        self._skip_resize = _skip_resize

    def forward(
        self, images: Sequence[Tensor], targets: Sequence[Target] | None = None
    ) -> tuple[ImageList, list[Target] | None]:
        """Prepare images `(C, H, W)`, and the targets that belong to them, which are left untouched themselves.

        Raises:
            ValueError: There are no images, or one is no image of as many channels as `image_mean` has values.
            TypeError: An image is no tensor, or not of a floating point type.
        """
        if len(images) == 0:
            raise ValueError("images is expected to be a list of 3d tensors of shape [C, H, W], got an empty one")
        prepared, sizes, resized_targets = [], [], []
        each: Sequence[Target | None] = [None] * len(images) if targets is None else targets
        for index, (image, target) in enumerate(zip(images, each, strict=True)):
            self._check(image, index)
            resized, resized_target = self.resize(self.normalize(image), target)
            prepared.append(resized)
            sizes.append((resized.shape[-2], resized.shape[-1]))
            if resized_target is not None:
                resized_targets.append(resized_target)
        batch = self.batch_images(prepared, size_divisible=self.size_divisible)
        return ImageList(batch, sizes), None if targets is None else resized_targets

    def _check(self, image: Tensor, index: int) -> None:
        if not isinstance(image, Tensor):
            raise TypeError(f"Expected tensors as images, found {type(image).__name__} as image {index}")
        if image.dim() != 3:
            raise ValueError(
                "images is expected to be a list of 3d tensors of shape [C, H, W], "
                f"got {tuple(image.shape)} as image {index}"
            )
        if not is_overridden(self.normalize, _NORMALIZE):
            self._check_pixels(image, f"image {index}")

    def _check_pixels(self, image: Tensor, name: str) -> None:
        if not image.is_floating_point():
            raise TypeError(
                "Expected input images to be of floating type (in range [0, 1]), "
                f"but found type {image.dtype} instead as {name}"
            )
        if image.shape[0] not in {1, len(self.image_mean)}:
            raise ValueError(f"Expected images of {len(self.image_mean)} channels, found {image.shape[0]} in {name}")

    def normalize(self, image: Tensor) -> Tensor:
        """Subtract the mean of each channel of an image `(C, H, W)`, and divide by its deviation.

        Raises:
            TypeError: The image is not of a floating point type.
            ValueError: It has another number of channels than `image_mean` has values.
        """
        self._check_pixels(image, "the image")
        mean = torch.tensor(self.image_mean, dtype=image.dtype, device=image.device)
        std = torch.tensor(self.image_std, dtype=image.dtype, device=image.device)
        return (image - mean[:, None, None]).div_(std[:, None, None])

    def resized_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that an image is resized to, one pixel at least: lines get thinner than that."""
        # A fixed size draws, too: what is drawn afterwards is then the same whatever the model, as in torchvision.
        min_size = self.torch_choice(self.min_size) if self.training else self.min_size[-1]
        if self.fixed_size is not None:
            return self.fixed_size[1], self.fixed_size[0]
        scale = smaller(min_size / smaller(height, width), self.max_size / larger(height, width))
        # not floor, which programs cannot be saved with
        return larger(math.trunc(height * scale), 1), larger(math.trunc(width * scale), 1)

    def torch_choice(self, k: Sequence[int]) -> int:
        """Draw one of several lengths, each as likely."""
        drawn = torch.empty(1).uniform_(0.0, float(len(k)))
        return k[0] if len(k) == 1 else k[int(drawn.item())]

    def resize(self, image: Tensor, target: Target | None = None) -> tuple[Tensor, Target | None]:
        """Resize an image `(C, H, W)` and what is true of it, to a size drawn in training, the last one otherwise.

        Args:
            image: It is returned as it is in training if the transform was told to `_skip_resize`.
            target: Its `boxes`, and where there are any, `masks` and `keypoints`, are scaled with the image.

        Returns:
            The image, and a new target, or `None`.
        """
        if self.training and self._skip_resize:
            return image, target
        old = (image.shape[-2], image.shape[-1])
        new = self.resized_size(*old)
        resized = F.interpolate(image[None], size=new, mode="bilinear", align_corners=False)[0]
        return resized, None if target is None else resize_target(target, old, new)

    def batch_images(self, images: Sequence[Tensor], size_divisible: int = 32) -> Tensor:
        """Pad images `(C, H, W)` with zeros to one size, sides of which `size_divisible` divides, and stack them."""
        height = _multiple(max(image.shape[-2] for image in images), size_divisible)
        width = _multiple(max(image.shape[-1] for image in images), size_divisible)
        margins = [(0, width - image.shape[-1], 0, height - image.shape[-2]) for image in images]
        return torch.stack([F.pad(image, margin) for image, margin in zip(images, margins, strict=True)])

    def postprocess(
        self,
        result: Sequence[Target],
        image_shapes: Sequence[tuple[int, int]],
        original_image_sizes: Sequence[tuple[int, int]],
    ) -> list[Target]:
        """Bring detections from the resized images to the original ones.

        Args:
            result: For each image `boxes` `(D, 4)`, and where there are any, `keypoints` `(D, K, 3)` and `masks`
                `(D, 1, M, M)` with the probabilities inside the boxes. Everything else stays as it is.
            image_shapes: Height and width of each resized image.
            original_image_sizes: Height and width of each image as it was given.

        Returns:
            The same for the original images; the masks then are `(D, 1, H, W)`.
        """
        if self.training:
            return list(result)
        return [
            _to_original(detections, resized, original)
            for detections, resized, original in zip(result, image_shapes, original_image_sizes, strict=True)
        ]

    def extra_repr(self) -> str:
        """Name the arguments."""
        size = f"fixed_size={self.fixed_size}" if self.fixed_size else f"{self.min_size}, max_size={self.max_size}"
        return f"{size}, image_mean={self.image_mean}, image_std={self.image_std}, size_divisible={self.size_divisible}"


_NORMALIZE = GeneralizedRCNNTransform.normalize


def imagenet_transform(
    min_size: int | Sequence[int],
    max_size: int,
    image_mean: Sequence[float] | None,
    image_std: Sequence[float] | None,
    **kwargs: Any,
) -> GeneralizedRCNNTransform:
    """Build the transform of a detector; the mean and deviation of images are those of ImageNet if `None`."""
    mean = (0.485, 0.456, 0.406) if image_mean is None else image_mean
    std = (0.229, 0.224, 0.225) if image_std is None else image_std
    return GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)


def resize_target(target: Mapping[str, Tensor], old: tuple[int, int], new: tuple[int, int]) -> Target:
    """Scale boxes, masks and keypoints from an image of one size, height and width, to another; copy all else."""
    resized = dict(target) | {"boxes": resize_boxes(target["boxes"], old, new)}
    if "masks" in target:
        resized["masks"] = F.interpolate(target["masks"][:, None].float(), size=new)[:, 0].byte()
    if "keypoints" in target:
        resized["keypoints"] = resize_keypoints(target["keypoints"], old, new)
    return resized


def resize_boxes(boxes: Tensor, original_size: Sequence[int], new_size: Sequence[int]) -> Tensor:
    """Scale boxes `(N, 4)` from an image of one size, height and width, to another."""
    ratio_height, ratio_width = (new / old for new, old in zip(new_size, original_size, strict=True))
    x1, y1, x2, y2 = boxes.unbind(1)
    return torch.stack((x1 * ratio_width, y1 * ratio_height, x2 * ratio_width, y2 * ratio_height), 1)


def resize_keypoints(keypoints: Tensor, original_size: Sequence[int], new_size: Sequence[int]) -> Tensor:
    """Scale keypoints `(N, K, 3)`, x, y and visibility, from an image of one size to another."""
    ratio_height, ratio_width = (new / old for new, old in zip(new_size, original_size, strict=True))
    x, y, visibility = keypoints.unbind(2)
    return torch.stack((x * ratio_width, y * ratio_height, visibility), 2)


def _to_original(detections: Target, resized: tuple[int, int], original: tuple[int, int]) -> Target:
    boxes = resize_boxes(detections["boxes"], resized, original)
    found = detections | {"boxes": boxes}
    if "masks" in detections:
        found["masks"] = paste_masks_in_image(detections["masks"], boxes, original)
    if "keypoints" in detections:
        found["keypoints"] = resize_keypoints(detections["keypoints"], resized, original)
    return found


def _multiple(size: int, divisor: int) -> int:
    """Round a size up to a multiple."""
    return (size + divisor - 1) // divisor * divisor
