"""Prediction of flow between two images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.drawing import with_caption
from zoo_core.images import ImageSource, read_image
from zoo_core.inference import noise
from zoo_core.prediction import Prediction, Predictor, apply_by_shape, find_device, rounded_repr
from zoo_core.transforms import tensor_to_pil

from .drawing import colour_wheel, flow_to_image
from .files import write_flo
from .padding import MULTIPLE, ROWS, Padding, padding_for

MAX_PIXELS = 1920 * 1088
"""Greatest size of an image: correlations of all pairs of pixels take 6 GB then, and grow with the square."""

ImagePair: TypeAlias = tuple[Image.Image, Image.Image]


def model_arguments(num_flow_updates: int | None, padding: str) -> dict[str, int]:
    """Check the options of `FlowPredictor`, and return the arguments that a model is called with.

    Raises:
        ValueError: `num_flow_updates` or `padding` is out of range.

    Example:
        >>> from zoo_flow.prediction import model_arguments
        >>> model_arguments(20, "kitti")
        {'num_flow_updates': 20}
    """
    if num_flow_updates is not None and num_flow_updates < 1:
        raise ValueError(f"num_flow_updates is a number of iterations of at least 1, found {num_flow_updates}.")
    if padding not in ROWS:
        raise ValueError(f"padding is {' or '.join(map(repr, ROWS))}, found {padding!r}.")
    return {} if num_flow_updates is None else {"num_flow_updates": num_flow_updates}


@dataclass(frozen=True, slots=True)
class OpticalFlow(Prediction):
    """How pixels move from one image to another."""

    raw_suffix = ".flo"
    mean: tuple[float, float]
    """Mean flow, to the right and downwards, in pixels."""
    longest: float
    """Length of the longest flow, in pixels."""
    flow: Tensor = field(repr=False, compare=False)
    """The flow of each pixel of the first image, `(2, H, W)`, to the right and downwards, in pixels, on the CPU."""

    __repr__ = rounded_repr

    def to_dict(self) -> dict[str, Any]:
        """Return what matters as JSON takes it, without the flow of single pixels."""
        return {"source": self.source, "mean": list(self.mean), "longest": self.longest}

    def summary(self) -> str:
        """Return how far pixels move."""
        right, down = self.mean
        return f"mean ({right:+.2f}, {down:+.2f}) px  longest {self.longest:.2f} px"

    def write_raw(self, path: Path) -> None:
        """Write the flow of each pixel as a `.flo` file."""
        write_flo(path, self.flow)


@dataclass(frozen=True, slots=True)
class PairInput:
    """A model's input for two images, `(2, 3, H, W)`, and what was added to them at the edges."""

    images: Tensor
    padding: Padding


class FlowPredictor(Predictor[ImagePair, PairInput]):
    """Turns two images into the flow from the first to the second.

    Args:
        model: Called with two batches of images `(N, 3, H, W)` and `all_flows=False`, gives a list whose last item is
            the flow `(N, 2, H, W)`; put into evaluation mode.
        weights: The entry that the model was built with: its preprocessing, and the sizes that it takes: `min_size`,
            and `size_multiple` if that is not 8.
        device: Where the model runs.
        num_flow_updates: Iterations, at least 1, as the model's argument; the model's default if not given.
        padding: Where rows are added to images, as `padding.padding_for` has it: `"sintel"` or `"kitti"`.

    Raises:
        ValueError: `num_flow_updates` or `padding` is out of range.
    """

    media = "image pairs"

    def __init__(
        self,
        model: nn.Module,
        weights: WeightsEnum,
        *,
        device: str = "cpu",
        num_flow_updates: int | None = None,
        padding: str = "sintel",
    ) -> None:
        self.arguments = model_arguments(num_flow_updates, padding)
        self.rows = padding
        self.device = find_device(device)
        self.model = model.eval().to(self.device)
        self.transforms = weights.transforms()
        self.smallest = max(weights.meta["min_size"])
        self.multiple = weights.meta.get("size_multiple", MULTIPLE)

    def read(self, files: Sequence[ImageSource]) -> ImagePair:
        """Decode two images."""
        first, second = files
        return read_image(first), read_image(second)

    def preprocess(self, decoded: ImagePair) -> PairInput:
        """Return the model's input for two images of one size.

        Raises:
            ValueError: They have different sizes, or more than `MAX_PIXELS`.
        """
        (width, height), other = (image.size for image in decoded)
        if (width, height) != other:
            raise ValueError(
                f"both images should have the same size, found {width} x {height} and {other[0]} x {other[1]}"
            )
        padding = padding_for(height, width, multiple=self.multiple, smallest=self.smallest, rows=self.rows)
        padded = (width + padding.left + padding.right) * (height + padding.top + padding.bottom)
        if width * height > MAX_PIXELS or padded > max(MAX_PIXELS, 2 * width * height):
            raise ValueError(
                f"images for flow should have at most {MAX_PIXELS} pixels, found {width} x {height}: make them smaller"
                f" (sides of less than {self.smallest} count as {self.smallest})"
            )
        return PairInput(padding.add(torch.stack(self.transforms(*decoded))), padding)

    @torch.inference_mode()
    def predict(self, inputs: Sequence[PairInput], sources: Sequence[str]) -> list[OpticalFlow]:
        """Predict one batch of preprocessed pairs; `sources` names them."""
        flows = apply_by_shape(self._estimate, [pair.images for pair in inputs])
        return [
            _result(source, pair.padding.remove(flow))
            for source, flow, pair in zip(sources, flows, inputs, strict=True)
        ]

    def draw(self, decoded: ImagePair, prediction: Prediction) -> Image.Image:
        """Return the flow in colours, of the size of the images, with what they mean beneath it."""
        assert isinstance(prediction, OpticalFlow)
        colours = tensor_to_pil(flow_to_image(prediction.flow))
        picture = with_caption(colours, [f"full colour: {prediction.longest:.1f} px"])
        band = picture.height - colours.height
        wheel = tensor_to_pil(colour_wheel(band - 4))
        picture.paste(wheel, (picture.width - band + 2, colours.height + 2))
        return picture

    def _estimate(self, pairs: Tensor) -> Tensor:
        first, second = pairs.to(self.device).unbind(1)
        flow: Tensor = self.model(first, second, all_flows=False, **self.arguments)[-1]
        return flow.cpu()


def example(model: nn.Module, *_: object) -> tuple[Tensor, ...]:
    """Return two images to try a model with."""
    return noise(model, 2, 1, 3, 128, 128).unbind(0)


def _result(source: str, flow: Tensor) -> OpticalFlow:
    right, down = flow.mean(dim=(1, 2)).tolist()
    return OpticalFlow(source, (right, down), torch.linalg.vector_norm(flow, dim=0).max().item(), flow)
