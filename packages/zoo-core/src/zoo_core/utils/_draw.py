"""Drawing on images that are tensors."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import TypeAlias

import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont
from torch import Tensor

from ._pixels import to_picture, to_pixels

Colour: TypeAlias = str | tuple[int, int, int]
"""A name or `"#rrggbb"`, or red, green and blue from 0 to 255."""
Colours: TypeAlias = Colour | Sequence[Colour] | None
_FILLED = 100
"""Opacity of filled boxes, of 255."""
_WHITE = (255, 255, 255)
_PALETTE = (2**25 - 1, 2**15 - 1, 2**21 - 1)
"""What the index of an object is multiplied by for its red, green and blue, modulo 255."""


@torch.no_grad()
def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: Sequence[str | None] | None = None,
    colors: Colours = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: Colours = None,
    label_background_colors: Colours = None,
    fill_labels: bool = False,
) -> Tensor:
    """Draw boxes, with texts at their upper left corners.

    Args:
        image: `(3, H, W)` or `(1, H, W)`, uint8, or floating point in [0, 1].
        boxes: `(N, 4)`, `(x1, y1, x2, y2)` in pixels; or `(N, 8)`, the corners of rotated boxes.
        labels: A text for each box; `None` for none.
        colors: Of each box, or of all. A palette, if not given.
        fill: Fill the boxes, transparently.
        width: Of lines, in pixels.
        font: A TrueType file; Pillow's own font, if not given.
        font_size: In points, 10 if not given.
        label_colors: Of texts; those of the boxes, if not given, or black if `fill_labels`.
        label_background_colors: Of what is behind texts, if `fill_labels`; those of the boxes, if not given.
        fill_labels: Draw texts on a ground.

    Returns:
        A new image `(3, H, W)`, of the type of `image`.

    Raises:
        TypeError: `image` is no tensor.
        ValueError: `image` has another shape or type, boxes are upside down, or there are too few labels or colours.

    Example:
        >>> import torch
        >>> from zoo_core.utils import draw_bounding_boxes
        >>> image = torch.zeros(3, 20, 20, dtype=torch.uint8)
        >>> draw_bounding_boxes(image, torch.tensor([[2, 2, 10, 10]]), colors="red")[:, 2, 5]
        tensor([255,   0,   0], dtype=torch.uint8)
    """
    _check_image(image)
    if image.shape[0] not in {1, 3}:
        raise ValueError(f"Only grayscale and RGB images are supported, found {image.shape[0]} channels")
    places = _checked_boxes(boxes)
    count = len(places)
    if labels is not None and len(labels) != count:
        raise ValueError(
            f"Number of boxes ({count}) and labels ({len(labels)}) mismatch. Please specify labels for each box."
        )
    outlines = _colours(colors, count)
    texts = _colours(label_colors or ("black" if fill_labels else outlines), count)
    grounds = _colours(label_background_colors or outlines, count)
    picture = _picture(image)
    draw = ImageDraw.Draw(picture, "RGBA" if fill else "RGB")
    letters = _font(font, font_size)
    for index, place in enumerate(places):
        inside = (*outlines[index], _FILLED) if fill else None
        if len(place) == 4:
            draw.rectangle(place, fill=inside, outline=outlines[index], width=width)
        else:
            draw.polygon(place, fill=inside, outline=outlines[index], width=width)
        text = labels[index] if labels is not None else None
        if text is not None:
            corner = place[0] + width + 1, place[1] + width + 1
            if fill_labels:
                left, top, right, bottom = draw.textbbox(corner, text, font=letters)
                draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=grounds[index])
            draw.text(corner, text, fill=texts[index], font=letters)
    return _like(image, picture)


@torch.no_grad()
def draw_segmentation_masks(image: Tensor, masks: Tensor, alpha: float = 0.8, colors: Colours = None) -> Tensor:
    """Colour the pixels of masks.

    Args:
        image: `(3, H, W)`, uint8, or floating point in [0, 1].
        masks: `(N, H, W)` or `(H, W)`, of booleans. Pixels in several masks are darkened.
        alpha: Opacity, in [0, 1].
        colors: Of each mask, or of all. A palette, if not given.

    Returns:
        A new image of the shape and type of `image`.

    Raises:
        TypeError: `image` is no tensor.
        ValueError: A shape or type is another, or there are too few colours.

    Example:
        >>> import torch
        >>> from zoo_core.utils import draw_segmentation_masks
        >>> image, mask = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.eye(4, dtype=torch.bool)
        >>> draw_segmentation_masks(image, mask, alpha=0.4, colors="red")[:, 1, 1]
        tensor([102,   0,   0], dtype=torch.uint8)
    """
    _check_image(image, rgb=True)
    masks = masks.unsqueeze(0) if masks.ndim == 2 else masks
    if masks.ndim != 3:
        raise ValueError(f"masks must be of shape (H, W) or (batch_size, H, W), found {tuple(masks.shape)}")
    if masks.dtype != torch.bool:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[1:] != image.shape[1:]:
        raise ValueError(
            f"The image and the masks must have the same height and width, found {tuple(image.shape[1:])} and "
            f"{tuple(masks.shape[1:])}"
        )
    drawn = image.clone()
    overlap = masks.sum(0) > 1
    for mask, colour in zip(masks, _colours(colors, len(masks)), strict=False):
        shade = torch.tensor(colour, dtype=torch.uint8, device=image.device)
        drawn[:, mask] = (shade / 255 if image.is_floating_point() else shade).to(image.dtype)[:, None]
    drawn[:, overlap] = 0
    return (image * (1 - alpha) + drawn * alpha).to(image.dtype)


@torch.no_grad()
def draw_keypoints(
    image: Tensor,
    keypoints: Tensor,
    connectivity: Sequence[tuple[int, int]] | None = None,
    colors: Colour | None = None,
    radius: int = 2,
    width: int = 3,
    visibility: Tensor | None = None,
) -> Tensor:
    """Draw keypoints as discs, and lines between them.

    Args:
        image: `(3, H, W)`, uint8, or floating point in [0, 1].
        keypoints: `(N, K, 2)`, `(x, y)` in pixels.
        connectivity: Pairs of keypoints that white lines link.
        colors: Of the discs; white, if not given.
        radius: Of discs, in pixels.
        width: Of lines, in pixels.
        visibility: `(N, K)`, or `(N, K, 1)`: what is not true is not drawn, nor a line to it.

    Returns:
        A new image of the shape and type of `image`.

    Raises:
        TypeError: `image` is no tensor.
        ValueError: A shape or type is another.
        IndexError: `connectivity` names a keypoint that there is not.

    Example:
        >>> import torch
        >>> from zoo_core.utils import draw_keypoints
        >>> image = torch.zeros(3, 20, 20, dtype=torch.uint8)
        >>> draw_keypoints(image, torch.tensor([[[5.0, 5.0]]]), colors="blue")[:, 5, 5]
        tensor([  0,   0, 255], dtype=torch.uint8)
    """
    _check_image(image, rgb=True)
    if keypoints.ndim != 3 or keypoints.shape[2] != 2:
        raise ValueError(f"keypoints must be of shape (num_instances, K, 2), found {tuple(keypoints.shape)}")
    shown = torch.ones(keypoints.shape[:2], dtype=torch.bool) if visibility is None else visibility.to(torch.bool)
    shown = shown.squeeze(-1) if shown.ndim == 3 else shown
    if shown.shape != keypoints.shape[:2]:
        raise ValueError(
            "keypoints and visibility must have the same dimensionality for num_instances and K. Got "
            f"{tuple(shown.shape)} and {tuple(keypoints.shape)}"
        )
    picture = _picture(image)
    draw = ImageDraw.Draw(picture)
    colour = _WHITE if colors is None else _colours(colors, 1)[0]
    for points, are_shown in zip(keypoints.to(torch.int64).tolist(), shown.tolist(), strict=True):
        for (x, y), is_shown in zip(points, are_shown, strict=True):
            if is_shown:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=None, width=0)
        for first, second in connectivity or ():
            if are_shown[first] and are_shown[second]:
                draw.line((*points[first], *points[second]), width=width, fill=_WHITE)
    return _like(image, picture)


def _check_image(image: object, *, rgb: bool = False) -> None:
    if not isinstance(image, Tensor):
        raise TypeError(f"The image must be a tensor, got {type(image)}")
    if not (image.dtype == torch.uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.ndim != 3:
        raise ValueError(f"Pass individual images, not batches: expected (C, H, W), found {tuple(image.shape)}")
    if rgb and image.shape[0] != 3:
        raise ValueError(f"Pass an RGB image. Other Image formats are not supported, found {image.shape[0]} channels")


def _checked_boxes(boxes: Tensor) -> list[list[int]]:
    if boxes.ndim != 2 or boxes.shape[1] not in {4, 8}:
        raise ValueError(f"boxes should be of shape (N, 4), or (N, 8) if rotated, found {tuple(boxes.shape)}")
    if boxes.shape[1] == 4 and ((boxes[:, 0] > boxes[:, 2]) | (boxes[:, 1] > boxes[:, 3])).any():
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use zoo_detection.ops.box_convert to convert them"
        )
    whole: list[list[int]] = boxes.to(torch.int64).tolist()
    return whole


def _colours(given: Colours, count: int) -> list[tuple[int, int, int]]:
    """Return a colour for each object."""
    if given is None:
        return [_in_palette(index) for index in range(count)]
    if isinstance(given, list) and len(given) < count:
        raise ValueError(
            f"Number of colors must be equal or larger than the number of objects, but got {len(given)} < {count}."
        )
    if not isinstance(given, (list, str, tuple)):
        raise ValueError(f"colors must be a tuple or a string, or a list thereof, but got {given}.")
    each: Iterable[Colour] = given[:count] if isinstance(given, list) else repeat(given, count)
    return [_rgb(colour) for colour in each]


def _in_palette(index: int) -> tuple[int, int, int]:
    red, green, blue = (index * factor % 255 for factor in _PALETTE)
    return red, green, blue


def _rgb(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (ImageColor.getrgb(colour) if isinstance(colour, str) else colour)[:3]
    return red, green, blue


def _font(file: str | None, size: int | None) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=size or 10) if file is None else ImageFont.truetype(file, size or 10)


def _picture(image: Tensor) -> Image.Image:
    if image.is_floating_point():
        image = (image.float().clamp(0, 1) * 255.999).to(torch.uint8)  # which half precision rounds to 256
    return to_picture(image.expand(3, -1, -1).cpu())


def _like(image: Tensor, picture: Image.Image) -> Tensor:
    pixels = to_pixels(picture).to(image.device)
    return (pixels.to(image.dtype) / 255) if image.is_floating_point() else pixels
