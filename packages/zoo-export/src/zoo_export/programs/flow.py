"""Optical flow: two pictures in, the flow of each pixel out."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.transforms import OpticalFlow
from zoo_export._exported import Exported
from zoo_export._facts import Facts, TensorFact
from zoo_export._precision import own_network
from zoo_export._program import Program, preset_of
from zoo_export._running import Pictures, RunningFile
from zoo_export._sizes import larger


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
    raw_options: ClassVar[frozenset[str] | None] = frozenset({"num_flow_updates"})
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
        from zoo_flow.padding import MULTIPLE
        from zoo_flow.prediction import model_arguments

        updates = _default_updates(model) if num_flow_updates is None else num_flow_updates
        arguments = model_arguments(updates, padding)
        super().__init__(model, weights, raw=raw, **arguments, **({} if raw else {"padding": padding}), **options)
        self.arguments, self.padding, self.multiple = arguments, padding, MULTIPLE
        self.preset = preset_of(weights, OpticalFlow)
        self.smallest: int = max(weights.meta["min_size"])

    @property
    def inputs(self) -> tuple[TensorFact, ...]:
        """Two pictures; raw, batches of images in [-1, 1]."""
        if self.raw:
            axes = ("batch", 3, "height", "width")
            text = f"images in [-1, 1]; height and width are multiples of {self.multiple}, at least {self.smallest}"
            return tuple(TensorFact(name, "float32", axes, text) for name in ("image1", "image2"))
        text = "an RGB picture, both of one size"
        return tuple(TensorFact(name, "uint8", ("height", "width", 3), text) for name in ("image1", "image2"))

    @property
    def outputs(self) -> tuple[TensorFact, ...]:
        """The flow."""
        text = "how far each pixel of the first moves, to the right and downwards, in pixels"
        axes = ("batch", 2, "height", "width") if self.raw else ("height", "width", 2)
        return (TensorFact("flow", "float32", axes, text),)

    @property
    def meta(self) -> Mapping[str, Any]:
        """What sizes images may have: of pictures, any."""
        return {"min_size": self.weights.meta["min_size"]} if self.raw else {"min_size": [1, 1], "size_multiple": 1}

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

    @classmethod
    def pictures(cls, facts: Facts) -> nn.Module:
        """Both pictures become tensors, and stay as they are."""
        return _PicturePairs(facts)

    @classmethod
    def stand_in(cls, exported: Exported) -> nn.Module:
        """Return a network that gives the file's flow as flow models do."""
        return _RunningFlow(exported)

    def reference(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return what the predictor gives."""
        if self.raw:
            return (self._flow(*inputs),)
        first, second = self.preset(*(each.permute(2, 0, 1)[None] for each in inputs))
        padding = self._padding(first)
        return (padding.remove(self._flow(padding.add(first), padding.add(second)))[0].permute(1, 2, 0),)

    def compare(
        self, found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float | None = None
    ) -> tuple[float, bool]:
        """Compare flows.

        Args:
            found: The output.
            expected: That of the model.
            tolerance: The largest difference that is allowed; by default the program's own.

        Returns:
            The largest difference in pixels, or, where flow is longer than a pixel on average, relative to that; and
            whether it is within the tolerance.
        """
        (one,), (other,) = found, expected
        if one.shape != other.shape:
            return float("inf"), False
        difference = ((one - other).abs().max() / other.abs().mean().clamp(min=1)).item()
        return difference, difference <= self.allowed(tolerance)

    def _flow(self, image1: Tensor, image2: Tensor) -> Tensor:
        flow: Tensor = self.model(image1, image2, all_flows=False, **self.arguments)[-1]
        return flow

    def _missing(self, length: int) -> int:
        """Return how many pixels are added along an axis."""
        return (larger(length, self.smallest) + self.multiple - 1) // self.multiple * self.multiple - length

    def _padding(self, images: Tensor) -> Any:  # zoo_flow.padding.Padding
        from zoo_flow.padding import padding_for

        height, width = images.shape[-2:]
        return padding_for(height, width, multiple=self.multiple, smallest=self.smallest, rows=self.padding)


class _PicturePairs(nn.Module):
    """Takes two pictures, and gives each as a tensor."""

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.pictures = Pictures(facts)

    def forward(self, first: Tensor | Image.Image, second: Tensor | Image.Image) -> tuple[Tensor, Tensor]:
        return self.pictures(first), self.pictures(second)


class _RunningFlow(RunningFile):
    """Takes two batches of pictures uint8 `(N, 3, H, W)`, or, for a raw file, of images; gives the last flow alone."""

    def forward(
        self, image1: Tensor, image2: Tensor, num_flow_updates: int | None = None, *, all_flows: bool = False
    ) -> list[Tensor]:
        """Return the flow, `(N, 2, H, W)`.

        Raises:
            ValueError: The file has another number of iterations inside, or the flow of each is asked for.
        """
        inside = self.exported.facts.options.get("num_flow_updates")
        if num_flow_updates not in {None, inside} or all_flows:
            raise ValueError(f"{self.exported.path} gives the flow after {inside} iterations, and nothing else.")
        if self.raw:
            return [self.run_batches(image1, image2)]
        pairs = zip(image1.movedim(1, -1), image2.movedim(1, -1), strict=True)
        return [torch.stack([self.run(*pair)["flow"].movedim(-1, 0) for pair in pairs])]


def _default_updates(model: nn.Module) -> int | None:
    """Return how many iterations a model does unless it is told, if it says so."""
    parameter = inspect.signature(own_network(model).forward).parameters.get("num_flow_updates")
    return parameter.default if parameter is not None and isinstance(parameter.default, int) else None
