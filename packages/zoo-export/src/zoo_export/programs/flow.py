"""Optical flow: two pictures in, the flow of each pixel out."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.transforms import OpticalFlow
from zoo_export._facts import TensorFact
from zoo_export._program import Program, preset_of

MULTIPLE = 8
ROWS = ("sintel", "kitti")


class FlowProgram(Program):
    """Takes two pictures of one size, and gives the flow of each pixel of the first; raw, images of the network.

    Pictures are continued beyond their edges to a size that the network takes, and the flow is cut to theirs.

    Args:
        model: Called with two batches of images `(N, 3, H, W)` and `all_flows=False`, gives a list whose last item is
            the flow `(N, 2, H, W)`.
        weights: Of the network.
        raw: Whether the network alone is exported. Its images have heights and widths that are multiples of 8.
        num_flow_updates: Iterations, at least 1; the model's default if not given.
        padding: Where rows are added: `"sintel"` or `"kitti"`, as the predictor's option.

    Raises:
        ValueError: `num_flow_updates` or `padding` is out of range.
        ExportError: The weights prepare pictures in a way that has no form here.
    """

    dynamic: ClassVar[tuple[str, ...]] = ("batch", "height", "width")
    tolerance: ClassVar[float] = 5e-2

    def __init__(
        self,
        model: nn.Module,
        weights: WeightsEnum,
        *,
        raw: bool = False,
        num_flow_updates: int | None = None,
        padding: str = "sintel",
        **options: Any,
    ) -> None:
        if num_flow_updates is not None and num_flow_updates < 1:
            raise ValueError(f"num_flow_updates is a number of iterations of at least 1, found {num_flow_updates}.")
        if padding not in ROWS:
            raise ValueError(f"padding is {' or '.join(map(repr, ROWS))}, found {padding!r}.")
        arguments = {} if num_flow_updates is None else {"num_flow_updates": num_flow_updates}
        super().__init__(model, weights, raw=raw, padding=padding, **arguments, **options)
        self.arguments = arguments
        self.padding = padding
        self.preset = preset_of(weights, OpticalFlow)
        self.smallest: int = max(weights.meta["min_size"])

    @property
    def inputs(self) -> tuple[TensorFact, ...]:
        """Two pictures; raw, batches of images in [-1, 1]."""
        if self.raw:
            axes = ("batch", 3, "height", "width")
            text = f"images in [-1, 1]; height and width are multiples of {MULTIPLE}, at least {self.smallest}"
            return tuple(TensorFact(name, "float32", axes, text) for name in ("image1", "image2"))
        text = "an RGB picture, both of one size"
        return tuple(TensorFact(name, "uint8", ("height", "width", 3), text) for name in ("image1", "image2"))

    @property
    def outputs(self) -> tuple[TensorFact, ...]:
        """The flow."""
        text = "how far each pixel of the first moves, to the right and downwards, in pixels"
        axes = ("batch", 2, "height", "width") if self.raw else ("height", "width", 2)
        return (TensorFact("flow", "float32", axes, text),)

    def from_pictures(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return a picture and the same moved to the right and downwards; raw, batches, padded."""
        pairs = (pictures, pictures.roll((1, 3), dims=(1, 2)))
        if not self.raw:
            return tuple(each[0].contiguous() for each in pairs)
        first, second = self.preset(*(each.permute(0, 3, 1, 2) for each in pairs))
        padding = self._padding(first)
        return padding.add(first), padding.add(second)

    def forward(self, image1: Tensor, image2: Tensor) -> tuple[Tensor]:
        """Return the flow."""
        if self.raw:
            return (self._flow(image1, image2),)
        height, width = image1.shape[:2]
        down, across = (self._missing(length) for length in (height, width))
        top, left = (down // 2 if self.padding == "sintel" else 0), across // 2
        rows = (torch.arange(height + down) - top).clamp(min=0, max=height - 1)
        columns = (torch.arange(width + across) - left).clamp(min=0, max=width - 1)
        images = [
            each.permute(2, 0, 1).to(torch.float32)[None].div(255).mul(2).sub(1)[:, :, rows][..., columns]
            for each in (image1, image2)
        ]
        flow = self._flow(*images)[0]
        return (flow[:, torch.arange(height) + top][..., torch.arange(width) + left].permute(1, 2, 0),)

    def reference(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return what the predictor gives."""
        if self.raw:
            return (self._flow(*inputs),)
        first, second = self.preset(*(each.permute(2, 0, 1)[None] for each in inputs))
        padding = self._padding(first)
        return (padding.remove(self._flow(padding.add(first), padding.add(second)))[0].permute(1, 2, 0),)

    def compare(self, found: Sequence[Tensor], expected: Sequence[Tensor]) -> tuple[float, bool]:
        """Compare flows.

        Returns:
            The largest difference in pixels, or, where flow is longer than a pixel on average, relative to that; and
            whether it is within the tolerance.
        """
        (one,), (other,) = found, expected
        if one.shape != other.shape:
            return float("inf"), False
        difference = ((one - other).abs().max() / other.abs().mean().clamp(min=1)).item()
        return difference, difference <= self.tolerance

    def _flow(self, image1: Tensor, image2: Tensor) -> Tensor:
        flow: Tensor = self.model(image1, image2, all_flows=False, **self.arguments)[-1]
        return flow

    def _missing(self, length: int) -> int:
        """Return how many pixels are added along an axis."""
        least: int = torch.sym_max(length, self.smallest)  # type: ignore[no-untyped-call]
        return (least + MULTIPLE - 1) // MULTIPLE * MULTIPLE - length

    def _padding(self, images: Tensor) -> Any:  # zoo_flow.padding.Padding
        from zoo_flow.padding import padding_for

        height, width = images.shape[-2:]
        return padding_for(height, width, multiple=MULTIPLE, smallest=self.smallest, rows=self.padding)
