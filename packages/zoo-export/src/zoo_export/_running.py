"""What networks that run exported files share: pictures as files take them, and batches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from zoo_core.images import to_rgb
from zoo_core.transforms import pil_to_tensor

from ._facts import Facts


class Pictures(nn.Module):
    """Takes PIL images, or uint8 tensors `(3, H, W)`, and gives the latter.

    Args:
        facts: Of the file that takes them.

    Raises:
        ValueError: When called: a picture has another size than the file takes, or a tensor is not uint8.

    Example:
        >>> from PIL import Image
        >>> from zoo_export import load_exported
        >>> from zoo_export._running import Pictures
        >>> Pictures(load_exported("digits.pt2").facts)(Image.new("RGB", (40, 30))).shape
        torch.Size([3, 30, 40])
    """

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        axes = facts.inputs[0].axes
        self.model, self.height, self.width = facts.model, axes[-3], axes[-2]

    def forward(self, picture: Tensor | Image.Image) -> Tensor:
        pixels = picture if isinstance(picture, Tensor) else pil_to_tensor(to_rgb(picture))
        if not str(pixels.dtype).endswith("uint8"):
            raise ValueError(f"Exported files take pictures of whole grey levels, uint8: found {pixels.dtype}.")
        height, width = pixels.shape[-2:]
        for wanted, side, what in ((self.height, height, "high"), (self.width, width, "wide")):
            if isinstance(wanted, int) and wanted != side:
                raise ValueError(
                    f"This file of {self.model} takes pictures that are {wanted} pixels {what}, found {side}: resize "
                    "them, or export it without --size."
                )
        return pixels


def batches_of(images: Tensor, facts: Facts) -> Iterator[NDArray[Any]]:
    """Yield images in batches as large as the file takes, as arrays on the CPU."""
    batch = facts.inputs[0].axes[0]
    count = batch if isinstance(batch, int) else max(1, len(images))
    for start in range(0, len(images), count):
        yield np.ascontiguousarray(images[start : start + count].cpu().numpy())
