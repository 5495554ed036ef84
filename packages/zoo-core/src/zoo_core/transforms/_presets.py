"""The preprocessing that published weights were evaluated with, one module class a task."""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core.images import to_rgb

from ._cropped import resize_and_crop_tensor
from ._functional import (
    Interpolation,
    check_picture,
    check_tensor,
    check_type,
    checked_interpolation,
    checked_size,
    checked_statistics,
    pil_to_tensor,
    resize,
    resize_and_center_crop,
)
from ._kernels import check_clip, check_dimensions, check_proportions, normalize_tensor, resize_tensor, to_float_tensor


def preset_arguments(preset: nn.Module) -> dict[str, Any]:
    """Return the arguments that a preset was made with, or would be by default, by name: its attributes tell.

    Example:
        >>> from zoo_core.transforms import ImageClassification, preset_arguments
        >>> preset_arguments(ImageClassification(crop_size=224))["crop_size"]
        [224]
    """
    parameters = inspect.signature(type(preset)).parameters.values()
    names = [each.name for each in parameters if each.kind not in {each.VAR_POSITIONAL, each.VAR_KEYWORD}]
    return {name: getattr(preset, name) for name in names if hasattr(preset, name)}


class _Preset(nn.Module):
    """A preset: its attributes are named as the arguments it was made with, and it has no parameters or buffers."""

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in preset_arguments(self).items())

    def describe(self) -> str:
        """Say in words what the preset takes and does.

        Example:
            >>> from zoo_core.transforms import ObjectDetection
            >>> ObjectDetection().describe()
            'Takes a PIL image or a tensor (..., C, H, W), batched or not. Pixels are scaled to [0.0, 1.0].'
        """
        return f"{self._takes} {' '.join(self._steps())}"

    _takes = "Takes a PIL image or a tensor (..., C, H, W), batched or not."

    def _steps(self) -> list[str]:
        """Return a sentence for each step, by the arguments that there are."""
        arguments = preset_arguments(self)
        steps = []
        if arguments.get("resize_size"):
            steps.append(f"It is resized to {_size(arguments['resize_size'])}, {arguments['interpolation']}.")
        if "crop_size" in arguments:
            steps.append(f"The middle of {_size(arguments['crop_size'], square=True)} is cut out.")
        steps.append("Pixels are scaled to [0.0, 1.0].")
        if "mean" in arguments:
            steps.append(f"They are normalised with mean={arguments['mean']} and std={arguments['std']}.")
        return steps


def _size(size: list[int], *, square: bool = False) -> str:
    if len(size) == 1 and not square:
        return f"{size[0]} pixels at the shorter side"
    return f"{size[0]} x {size[-1]} pixels"


class ImageClassification(_Preset):
    """Preprocessing for image classification: resize, cut out the centre, scale to [0, 1], normalise.

    Takes a PIL image or a tensor (..., C, H, W), integer or floating point in [0, 1], batched or not, and returns
    float32 (C, height, width) or (..., C, height, width). PIL images are resized by Pillow, tensors by PyTorch; the
    two agree within one grey level. PIL images of any mode become RGB first, as `zoo_core.images.to_rgb` says, or grey
    where `mean` has one value. `torch.jit.script` compiles it for tensors.

    Args:
        crop_size: Height and width of the result in pixels, or (height, width). What the resized image lacks is filled
            with zeros before the normalisation.
        resize_size: What the smaller edge is resized to in pixels, or (height, width).
        mean: A value for each channel, subtracted from pixels in [0, 1].
        std: A value for each channel, by which the difference is divided.
        interpolation: How to resize: an `InterpolationMode`, or what one may be given as.
        antialias: Whether tensors are shrunk as Pillow does it, taking in every pixel.

    Raises:
        ValueError: A size is not above 0, `mean` and `std` have not as many values, `std` has a 0, or there is no such
            interpolation. When called: the image has no pixels, no dimension for the channels or not as many channels
            as `mean` has values.
        TypeError: When called: it is neither a PIL image nor a tensor.

    Example:
        >>> import torch
        >>> from PIL import Image
        >>> from zoo_core.transforms import ImageClassification
        >>> preset = ImageClassification(crop_size=224)
        >>> preset(Image.new("RGB", (640, 480))).shape
        torch.Size([3, 224, 224])
        >>> preset(torch.zeros(2, 3, 480, 640, dtype=torch.uint8)).shape
        torch.Size([2, 3, 224, 224])
    """

    def __init__(
        self,
        *,
        crop_size: int | Sequence[int],
        resize_size: int | Sequence[int] = 256,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        interpolation: Interpolation = "bilinear",
        antialias: bool = True,
    ) -> None:
        super().__init__()
        self.crop_size = checked_size("crop_size", crop_size)
        self.resize_size = checked_size("resize_size", resize_size)
        self.mean, self.std = checked_statistics(mean, std)
        self.interpolation = checked_interpolation(interpolation)
        self.antialias = antialias

    if TYPE_CHECKING:

        def __call__(self, image: Tensor | Image.Image) -> Tensor: ...

    def forward(self, image: Tensor) -> Tensor:
        height, width = self.crop_size[0], self.crop_size[-1]
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            cropped = _cropped(image, self.resize_size, height, width, self.interpolation, len(self.mean))
            if cropped is not None:
                return normalize_tensor(to_float_tensor(cropped), self.mean, self.std)
        image = resize_and_crop_tensor(image, self.resize_size, height, width, self.interpolation, self.antialias)
        return normalize_tensor(to_float_tensor(image), self.mean, self.std)


class SemanticSegmentation(_Preset):
    """Preprocessing for semantic segmentation: resize, scale to [0, 1], normalise. Nothing is cut off.

    Takes and returns images as `ImageClassification` does, but for their size.

    Args:
        resize_size: What the smaller edge is resized to in pixels, or (height, width); `None` keeps the size.
        mean: A value for each channel, subtracted from pixels in [0, 1].
        std: A value for each channel, by which the difference is divided.
        interpolation: How to resize: an `InterpolationMode`, or what one may be given as.
        antialias: Whether tensors are shrunk as Pillow does it, taking in every pixel.

    Raises:
        ValueError: The size is not above 0, `mean` and `std` have not as many values, `std` has a 0, or there is no
            such interpolation. When called: the image has no pixels, no dimension for the channels or not as many
            channels as `mean` has values, or it is more than 16 times as long as wide and would be resized.
        TypeError: When called: it is neither a PIL image nor a tensor.

    Example:
        >>> import torch
        >>> from PIL import Image
        >>> from zoo_core.transforms import SemanticSegmentation
        >>> preset = SemanticSegmentation(resize_size=520)
        >>> preset(Image.new("RGB", (640, 480))).shape
        torch.Size([3, 520, 693])
        >>> preset(torch.zeros(2, 3, 480, 640, dtype=torch.uint8)).shape
        torch.Size([2, 3, 520, 693])
    """

    def __init__(
        self,
        *,
        resize_size: int | Sequence[int] | None,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        interpolation: Interpolation = "bilinear",
        antialias: bool = True,
    ) -> None:
        super().__init__()
        self.resize_size = None if resize_size is None else checked_size("resize_size", resize_size)
        self.mean, self.std = checked_statistics(mean, std)
        self.interpolation = checked_interpolation(interpolation)
        self.antialias = antialias

    if TYPE_CHECKING:

        def __call__(self, image: Tensor | Image.Image) -> Tensor: ...

    def forward(self, image: Tensor) -> Tensor:
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            image = _resized(image, self.resize_size, self.interpolation, len(self.mean))
        if self.resize_size is not None:
            check_dimensions(image)
            check_proportions(image.shape[-2], image.shape[-1], self.resize_size)
            image = resize_tensor(image, self.resize_size, self.interpolation, self.antialias)
        return normalize_tensor(to_float_tensor(image), self.mean, self.std)


class ObjectDetection(_Preset):
    """Preprocessing for object detection: scale to [0, 1]. The models resize and normalise by themselves.

    Takes a PIL image or a tensor (..., C, H, W), integer or floating point in [0, 1], batched or not, and returns
    float32 of the same size. PIL images of any mode become RGB first, as `zoo_core.images.to_rgb` says.
    `torch.jit.script` compiles it for tensors.

    Raises:
        ValueError: When called: the image has no pixels, or no dimension for the channels.
        TypeError: When called: it is neither a PIL image nor a tensor.

    Example:
        >>> from PIL import Image
        >>> from zoo_core.transforms import ObjectDetection
        >>> ObjectDetection()(Image.new("L", (640, 480), 51))[:, 0, 0]
        tensor([0.2000, 0.2000, 0.2000])
    """

    if TYPE_CHECKING:

        def __call__(self, image: Tensor | Image.Image) -> Tensor: ...

    def forward(self, image: Tensor) -> Tensor:
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            image = _to_pixels(image)
        check_dimensions(image)
        return to_float_tensor(image)


class OpticalFlow(_Preset):
    """Preprocessing for optical flow: scale both images to [-1, 1]. Their size stays; `zoo_flow.padding` changes it.

    Takes two PIL images or tensors (..., C, H, W), integer or floating point in [0, 1], batched or not, and returns
    both as float32, contiguous. PIL images of any mode become RGB first, as `zoo_core.images.to_rgb` says.
    `torch.jit.script` compiles it for tensors.

    Raises:
        ValueError: When called: an image has no pixels, or no dimension for the channels.
        TypeError: When called: an image is neither a PIL image nor a tensor.

    Example:
        >>> from PIL import Image
        >>> from zoo_core.transforms import OpticalFlow
        >>> first, second = OpticalFlow()(Image.new("L", (640, 480), 0), Image.new("L", (640, 480), 255))
        >>> first[:, 0, 0], second[:, 0, 0]
        (tensor([-1., -1., -1.]), tensor([1., 1., 1.]))
    """

    if TYPE_CHECKING:

        def __call__(self, image1: Tensor | Image.Image, image2: Tensor | Image.Image) -> tuple[Tensor, Tensor]: ...

    _takes = "Takes two PIL images or tensors (..., C, H, W), batched or not."

    def _steps(self) -> list[str]:
        return ["Pixels are scaled to [-1.0, 1.0]."]

    def forward(self, image1: Tensor, image2: Tensor) -> tuple[Tensor, Tensor]:
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            image1, image2 = _to_pixels(image1), _to_pixels(image2)
        return _to_symmetric_range(image1), _to_symmetric_range(image2)


def _to_symmetric_range(image: Tensor) -> Tensor:
    check_dimensions(image)
    return to_float_tensor(image).mul(2.0).sub_(1.0).contiguous()


class VideoClassification(_Preset):
    """Preprocessing for video classification: resize, cut out the centre, scale to [0, 1], normalise, channels first.

    Takes a tensor (..., T, C, H, W) of T frames, integer or floating point in [0, 1], batched or not, and returns
    float32 (..., C, T, height, width), as video models take clips. Frames are resized without antialiasing, as the
    published weights were evaluated. `torch.jit.script` compiles it.

    Args:
        crop_size: Height and width of the result in pixels, or (height, width). What the resized frames lack is filled
            with zeros before the normalisation.
        resize_size: What the smaller edge is resized to in pixels, or (height, width).
        mean: A value for each channel, subtracted from pixels in [0, 1].
        std: A value for each channel, by which the difference is divided.
        interpolation: How to resize: an `InterpolationMode`, or what one may be given as.

    Raises:
        ValueError: A size is not above 0, `mean` and `std` have not as many values, `std` has a 0, or there is no such
            interpolation. When called: the frames have no pixels, there is no dimension for them or for the channels,
            or not as many channels as `mean` has values.
        TypeError: When called: it is no tensor.

    Example:
        >>> import torch
        >>> from zoo_core.transforms import VideoClassification
        >>> preset = VideoClassification(crop_size=112, resize_size=(128, 171))
        >>> preset(torch.zeros(16, 3, 240, 320, dtype=torch.uint8)).shape
        torch.Size([3, 16, 112, 112])
    """

    def __init__(
        self,
        *,
        crop_size: int | Sequence[int],
        resize_size: int | Sequence[int],
        mean: Sequence[float] = (0.43216, 0.394666, 0.37645),
        std: Sequence[float] = (0.22803, 0.22145, 0.216989),
        interpolation: Interpolation = "bilinear",
    ) -> None:
        super().__init__()
        self.crop_size = checked_size("crop_size", crop_size)
        self.resize_size = checked_size("resize_size", resize_size)
        self.mean, self.std = checked_statistics(mean, std)
        self.interpolation = checked_interpolation(interpolation)

    if TYPE_CHECKING:

        def __call__(self, clip: Tensor) -> Tensor: ...

    _takes = "Takes a tensor of frames (..., T, C, H, W), batched or not."

    def _steps(self) -> list[str]:
        return [*super()._steps(), "Dimensions become (..., C, T, H, W)."]

    def forward(self, clip: Tensor) -> Tensor:
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            check_tensor(clip)
        check_clip(clip)
        height, width = self.crop_size[0], self.crop_size[-1]
        clip = resize_and_crop_tensor(clip, self.resize_size, height, width, self.interpolation, antialias=False)
        return normalize_tensor(to_float_tensor(clip), self.mean, self.std).transpose(-3, -4).contiguous()


def _to_pixels(image: Tensor | Image.Image) -> Tensor:
    """Return a tensor as it is, and the pixels of a PIL image in RGB."""
    check_type(image)
    return image if isinstance(image, Tensor) else pil_to_tensor(to_rgb(image))


def _cropped(
    image: Tensor | Image.Image, size: list[int], height: int, width: int, interpolation: str, num_channels: int
) -> Tensor | None:
    """Return the middle of a PIL image, resized by Pillow; `None` of a tensor."""
    check_type(image)
    if isinstance(image, Tensor):
        return None
    colours = _colours(image, num_channels)
    return pil_to_tensor(resize_and_center_crop(colours, size, height, width, interpolation))


def _resized(image: Tensor | Image.Image, size: list[int] | None, interpolation: str, num_channels: int) -> Tensor:
    """Return a tensor as it is, and a PIL image resized by Pillow, after which `resize_tensor` has nothing to do."""
    check_type(image)
    if isinstance(image, Tensor):
        return image
    colours = _colours(image, num_channels)
    if size is None:
        return pil_to_tensor(colours)
    check_picture(colours)
    check_proportions(colours.height, colours.width, size)
    return pil_to_tensor(resize(colours, size, interpolation=interpolation))


def _colours(image: Image.Image, num_channels: int) -> Image.Image:
    if num_channels not in {1, 3}:
        raise ValueError(
            f"A PIL image becomes RGB or grey, but mean and std have {num_channels} values: "
            f"pass a tensor (..., {num_channels}, H, W)."
        )
    return to_rgb(image) if num_channels == 3 else to_rgb(image).convert("L")
