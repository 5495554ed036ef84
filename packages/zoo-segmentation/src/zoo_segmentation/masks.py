"""From the scores of a model to the classes of pixels, and to pictures of them.

outputs = model(weights.transforms()(image).unsqueeze(0))
labels = label_map(outputs, (image.height, image.width))[0]
overlay(image, labels, weights.meta["categories"]).save("overlay.png")
"""

from collections.abc import Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from zoo_core.drawing import colour_of, with_labels, with_legend
from zoo_core.transforms import tensor_to_pil

BACKGROUND = 0
"""The class of what belongs to no other."""


def label_map(scores: Tensor | Mapping[str, Tensor], size: tuple[int, int] | None = None) -> Tensor:
    """Return the class with the highest score at each pixel, at the size of the image itself.

    The scores are interpolated, bilinearly, not the classes. One class is done after the other: large images need no
    more memory than a few images of one channel.

    Args:
        scores: `(..., C, h, w)`, or what a model gives, of which `"out"` counts.
        size: Height and width of the image in pixels; those of the scores if not given.

    Returns:
        Integers `(..., height, width)` from 0 to C - 1, int64. Of equal scores the first one counts.

    Raises:
        ValueError: The scores have less than three dimensions, or no class or pixel; or `size` is not positive.

    Example:
        >>> import torch
        >>> from zoo_segmentation.masks import label_map
        >>> label_map(torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]]), (1, 4))
        tensor([[1, 1, 0, 0]])
    """
    scores = scores if isinstance(scores, Tensor) else scores["out"]
    if scores.dim() < 3 or 0 in scores.shape[-3:]:
        raise ValueError(f"scores should be (..., C, h, w), none of them 0, found shape {tuple(scores.shape)}.")
    height, width = scores.shape[-2:] if size is None else size
    if min(height, width) < 1:
        raise ValueError(f"size should be a height and a width in pixels above 0, found {size}.")
    images = scores.reshape(-1, *scores.shape[-3:])
    best = _resized(images[:, :1], height, width)
    labels = torch.zeros(best.shape, dtype=torch.int64, device=best.device)
    for index in range(1, images.shape[1]):
        plane = _resized(images[:, index : index + 1], height, width)
        labels.masked_fill_(plane > best, index)
        best = torch.maximum(best, plane)
    return labels.reshape(*scores.shape[:-3], height, width)


def _resized(plane: Tensor, height: int, width: int) -> Tensor:
    """Interpolate `(N, 1, h, w)`; where it shrinks, every score counts."""
    if plane.shape[-2:] == (height, width):
        return plane
    shrinks = height < plane.shape[-2] or width < plane.shape[-1]
    return interpolate(plane.float(), (height, width), mode="bilinear", align_corners=False, antialias=shrinks)


def to_image(labels: Tensor) -> Image.Image:
    """Return a label map as an image whose pixels are the classes, and look as in an overlay.

    Args:
        labels: Integers `(H, W)` from 0 to 255.

    Returns:
        An image of mode `"P"`: saved as PNG it keeps both the classes and the colours.

    Raises:
        ValueError: `labels` is no map of such integers.

    Example:
        >>> import torch
        >>> from zoo_segmentation.masks import to_image
        >>> to_image(torch.tensor([[0, 15]])).getpixel((1, 0))
        15
    """
    if labels.dim() != 2 or labels.is_floating_point() or not labels.numel():
        raise ValueError(f"labels should be integers (H, W), found {labels.dtype} of shape {tuple(labels.shape)}.")
    low, high = (int(value) for value in labels.aminmax())
    if low < 0 or high > 255:
        raise ValueError(f"labels should be from 0 to 255, which an image can hold, but are from {low} to {high}.")
    image = tensor_to_pil(labels.to(torch.uint8))
    image.putpalette(
        [band for index in range(256) for band in ((0, 0, 0) if index == BACKGROUND else colour_of(index))]
    )
    return image


def class_shares(labels: Tensor) -> dict[int, float]:
    """Return the classes of a label map with the share of the pixels that they have, the largest first.

    Args:
        labels: Integers of any shape, not below 0.

    Example:
        >>> import torch
        >>> from zoo_segmentation.masks import class_shares
        >>> class_shares(torch.tensor([[0, 15], [15, 15]]))
        {15: 0.75, 0: 0.25}
    """
    counts = labels.flatten().bincount()
    shares = {index: count / labels.numel() for index, count in enumerate(counts.tolist()) if count}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def overlay(
    image: Image.Image,
    labels: Tensor | Image.Image,
    categories: Sequence[str],
    *,
    opacity: float = 0.5,
    legend: bool = True,
    background: int | None = BACKGROUND,
) -> Image.Image:
    """Draw the classes of pixels over an image, with their names beneath it.

    Args:
        image: Of any size.
        labels: The class of each pixel of `image`, as `label_map` or `to_image` gives them.
        categories: The names of the classes.
        opacity: Of the colours, in [0, 1].
        legend: Whether the names of the classes that occur stand beneath the image, the largest area first.
        background: The class that is not coloured; `None` for none.

    Returns:
        An RGB image of the width and height of `image`; with a legend it is higher, and wider than a narrow image.

    Raises:
        ValueError: `labels` is not of the image's size, is a picture instead of classes, has classes without a name, or
            `opacity` is out of range.

    Example:
        >>> import torch
        >>> from PIL import Image
        >>> from zoo_segmentation.masks import overlay
        >>> photo, labels = Image.new("RGB", (64, 48)), torch.full((48, 64), 12)
        >>> overlay(photo, labels, ["background"] * 12 + ["dog"], legend=False).size
        (64, 48)
    """
    classes = to_image(labels) if isinstance(labels, Tensor) else labels
    colours = {index: colour_of(index) for index in range(len(categories)) if index != background}
    drawn = with_labels(image, classes, colours, opacity=opacity)
    areas = sorted(((count, index) for index, count in enumerate(classes.histogram()) if count), reverse=True)
    last = max(index for _, index in areas)
    if last >= len(categories):
        raise ValueError(f"labels have class {last}, but categories names {len(categories)}: of what weights are they?")
    entries = [(categories[index], colours[index]) for _, index in areas if index in colours]
    return with_legend(drawn, entries) if legend else drawn
