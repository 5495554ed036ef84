"""What networks that run exported files share: pictures as files take them, and batches."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core.images import to_rgb
from zoo_core.transforms import pil_to_tensor

from ._exported import Exported
from ._facts import Facts


class Pictures(nn.Module):
    """Takes PIL images, or uint8 tensors `(..., 3, H, W)`, and gives the latter.

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


class RunningFile(nn.Module):
    """Runs an exported file as a network: the base of what `Program.stand_in` gives.

    Args:
        exported: The file.
    """

    def __init__(self, exported: Exported) -> None:
        super().__init__()
        self.exported = exported
        self.raw = exported.facts.raw

    def run(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name, for inputs as the file takes them, and where these are."""
        found = self.exported(*(each.cpu().numpy() for each in inputs))
        return {name: torch.from_numpy(np.array(value)).to(inputs[0].device) for name, value in found.items()}

    def run_batches(self, *inputs: Tensor) -> Tensor:
        """Return the first output for a batch of any length, in batches as large as the file takes."""
        batch = self.exported.facts.inputs[0].axes[0]
        length = batch if isinstance(batch, int) else max(1, len(inputs[0]))
        parts = zip(*(torch.split(each, length) for each in inputs), strict=True)
        return torch.cat([next(iter(self.run(*part).values())) for part in parts])


class RunningClassifier(RunningFile):
    """Runs a file of which the predictor's `softmax` is to give its probabilities.

    Shape:
        Pictures uint8 `(N, 3, H, W)`, or clips `(N, 3, T, H, W)`, to logarithms of probabilities `(N, classes)`; of a
            raw file, what the preprocessing makes to scores.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Return scores, or logarithms of probabilities."""
        return self.run_batches(inputs) if self.raw else self.run_batches(inputs.movedim(1, -1)).log()
