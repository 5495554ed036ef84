"""Bringing images to a size that flow models take, and flow back to the size of the images."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

MULTIPLE = 8
"""What height and width of images are multiples of, as RAFT takes them."""

ROWS = ("sintel", "kitti")
"""Where rows are added, called by the data set whose published numbers were measured so: on both sides, or below."""


@dataclass(frozen=True, slots=True)
class Padding:
    """Pixels added at each edge of an image.

    Args:
        left: Columns before the first.
        right: Columns after the last.
        top: Rows before the first.
        bottom: Rows after the last.
    """

    left: int
    right: int
    top: int
    bottom: int

    def add(self, images: Tensor) -> Tensor:
        """Continue images `(N, C, H, W)` beyond their edges with the pixels at the edges.

        Where nothing is added, they are returned as they are, of whatever type.
        """
        if not any((self.left, self.right, self.top, self.bottom)):
            return images
        return F.pad(images, (self.left, self.right, self.top, self.bottom), mode="replicate")

    def remove(self, flow: Tensor) -> Tensor:
        """Cut the added pixels off a flow `(..., H, W)` of padded images, or off anything of their size."""
        height, width = flow.shape[-2:]
        return flow[..., self.top : height - self.bottom, self.left : width - self.right]


def padding_for(
    height: int, width: int, *, multiple: int = MULTIPLE, smallest: int = 128, rows: str = "sintel"
) -> Padding:
    """Compute the padding of images.

    Args:
        height: Of the images, in pixels, at least 1.
        width: Likewise.
        multiple: What height and width of the padded images are multiples of.
        smallest: The least that they are.
        rows: Where rows are added: `"sintel"` for as many above as below, `"kitti"` for all below. As many columns are
            added to the left as to the right.

    Raises:
        ValueError: A number is below 1, or `rows` is something else.

    Example:
        >>> from zoo_flow.padding import padding_for
        >>> padding_for(436, 1024)
        Padding(left=0, right=0, top=2, bottom=2)
        >>> padding_for(375, 1242, rows="kitti")
        Padding(left=3, right=3, top=0, bottom=1)
    """
    if min(height, width, multiple, smallest) < 1:
        raise ValueError(
            "height, width, multiple and smallest should be at least 1, found "
            f"{height}, {width}, {multiple} and {smallest}"
        )
    if rows not in ROWS:
        raise ValueError(f"rows is {' or '.join(map(repr, ROWS))}, found {rows!r}.")
    down, across = (-(-max(size, smallest) // multiple) * multiple - size for size in (height, width))
    above = down // 2 if rows == "sintel" else 0
    return Padding(across // 2, across - across // 2, above, down - above)


def pad_images(
    image1: Tensor, image2: Tensor, *, multiple: int = MULTIPLE, smallest: int = 128, rows: str = "sintel"
) -> tuple[Tensor, Tensor, Padding]:
    """Bring two images of one size to one that flow models take.

    Args:
        image1: `(N, C, H, W)`.
        image2: The same.
        multiple: As in `padding_for`.
        smallest: Likewise.
        rows: Likewise.

    Returns:
        The padded images, and the padding, whose `remove` gives a flow the size of the images again.

    Raises:
        ValueError: The images differ in shape, or have no pixels; or `rows` is something else.

    Example:
        >>> import torch
        >>> from zoo_flow.padding import pad_images
        >>> image1, image2, padding = pad_images(torch.zeros(1, 3, 100, 150), torch.zeros(1, 3, 100, 150))
        >>> image1.shape
        torch.Size([1, 3, 128, 152])
        >>> padding.remove(torch.zeros(1, 2, 128, 152)).shape
        torch.Size([1, 2, 100, 150])
    """
    if image1.shape != image2.shape:
        raise ValueError(f"images should have the same shape, found {list(image1.shape)} and {list(image2.shape)}")
    padding = padding_for(image1.shape[-2], image1.shape[-1], multiple=multiple, smallest=smallest, rows=rows)
    return padding.add(image1), padding.add(image2), padding
