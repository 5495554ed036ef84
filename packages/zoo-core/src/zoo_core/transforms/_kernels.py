"""The steps on tensors alone, written so that `torch.jit.script` can compile them. Arguments are checked already."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad


def resize_tensor(image: Tensor, size: list[int], interpolation: str, antialias: bool) -> Tensor:
    """Resize (..., C, H, W) to `fitted_size`; the dtype stays. The input itself where its size fits already."""
    check_dimensions(image)
    check_interpolation(interpolation)
    height, width = fitted_size(image.shape[-2], image.shape[-1], size)
    if image.shape[-2] == height and image.shape[-1] == width:
        return image
    pixels = widened(image)
    pixels = pixels.unsqueeze(0) if image.dim() == 3 else pixels.flatten(0, -4)
    if interpolation == "bilinear" or interpolation == "bicubic":  # noqa: PLR1714 # TorchScript
        pixels = interpolate(pixels, [height, width], mode=interpolation, align_corners=False, antialias=antialias)
    else:
        pixels = interpolate(pixels, [height, width], mode=interpolation)
    return restored(pixels, image).reshape(list(image.shape[:-2]) + [height, width])  # noqa: RUF005 # TorchScript


def widened(image: Tensor) -> Tensor:
    """Convert pixels to the type they are resized in: float32 holds all that 8 and 16 bits can, others need float64."""
    wide = image.element_size() >= 4 and image.dtype != torch.float32
    return image.to(torch.float64 if wide else torch.float32)


def restored(pixels: Tensor, image: Tensor) -> Tensor:
    """Bring results back to the dtype of the image; bicubic interpolation overshoots."""
    if not image.is_floating_point():
        lowest = -largest_value(image) - 1.0 if is_signed(image) else 0.0
        pixels = pixels.round().clamp(lowest, largest_value(image))
    return pixels.to(image.dtype)


def center_crop_tensor(image: Tensor, height: int, width: int) -> Tensor:
    """Cut the middle out of (..., C, H, W), with zeros around it where the image is smaller."""
    check_dimensions(image)
    top = crop_offset(image.shape[-2], height)
    left = crop_offset(image.shape[-1], width)
    bottom = top + height - image.shape[-2]
    right = left + width - image.shape[-1]
    return pad(image, [-left, right, -top, bottom])  # negative padding cuts


def normalize_tensor(image: Tensor, mean: list[float], std: list[float]) -> Tensor:
    """Subtract the mean and divide by the standard deviation, channel by channel."""
    check_dimensions(image)
    if image.shape[-3] != len(mean):
        raise ValueError(
            f"Expected {len(mean)} channels, as many as mean and std have values, but the image of shape "
            f"{list(image.shape)} has {image.shape[-3]}: images are (..., C, H, W)."
        )
    centre = torch.tensor(mean, dtype=image.dtype, device=image.device).reshape(-1, 1, 1)
    spread = torch.tensor(std, dtype=image.dtype, device=image.device).reshape(-1, 1, 1)
    return image.sub(centre).div_(spread)


def to_float_tensor(image: Tensor) -> Tensor:
    """Convert integers to float32 in [0, 1]; floating-point values and booleans keep their value."""
    if image.is_floating_point() or image.dtype == torch.bool:
        return image.to(torch.float32)
    return image.to(torch.float32).div_(largest_value(image))


def largest_value(image: Tensor) -> float:
    """Return the largest value of an integer dtype (TorchScript knows no `torch.iinfo`)."""
    bits = 8 * image.element_size() - int(is_signed(image))
    return float(2.0**bits - 1.0)


def is_signed(image: Tensor) -> bool:
    """Return whether an integer dtype has negative values (`torch.compile` knows no `Tensor.is_signed`)."""
    return image.dtype in [torch.int8, torch.int16, torch.int32, torch.int64]


def fitted_size(height: int, width: int, size: list[int]) -> tuple[int, int]:
    """Return the height and width after resizing: `size` if two values, else the smaller edge becomes `size[0]`."""
    if len(size) == 2:
        return size[0], size[1]
    if height <= width:
        return size[0], int(size[0] * width / height)
    return int(size[0] * height / width), size[0]


def check_proportions(height: int, width: int, size: list[int]) -> None:
    """Refuse what becomes more than 16 squares of the smaller edge: networks take much memory for each pixel."""
    resized_height, resized_width = fitted_size(height, width, size)
    if len(size) == 1 and resized_height * resized_width > 16 * size[0] * size[0]:
        raise ValueError(
            f"An image of {width} x {height} pixels would become one of {resized_width} x {resized_height}, more than "
            "the memory holds that networks take for it: cut it into pieces at most 16 times as long as wide."
        )


def crop_offset(length: int, crop: int) -> int:
    """Return where a centred crop begins; below zero if it is longer than the image."""
    if crop > length:
        return -((crop - length) // 2)
    return int(round((length - crop) / 2))  # noqa: RUF046 # TorchScript rounds to a float


def check_dimensions(image: Tensor) -> None:
    """Refuse what is not (..., C, H, W) with at least one pixel."""
    if image.dim() < 3 or image.shape[-1] == 0 or image.shape[-2] == 0:
        raise ValueError(
            f"Expected an image tensor of shape (..., C, H, W) with at least one pixel, found shape {list(image.shape)}"
            ": a grey image (H, W) needs a channel, `image.unsqueeze(0)`."
        )


def check_interpolation(interpolation: str) -> None:
    """Refuse what resizes PIL images alone."""
    if interpolation in ["box", "hamming", "lanczos"]:
        raise ValueError(
            f"Tensors cannot be resized with the interpolation '{interpolation}', which is Pillow's: expected "
            "'nearest', 'nearest-exact', 'bilinear' or 'bicubic', or a PIL image."
        )


def check_clip(clip: Tensor) -> None:
    """Refuse what has no dimension for the frames."""
    if clip.dim() < 4:
        raise ValueError(
            f"Expected a clip of shape (..., T, C, H, W), found shape {list(clip.shape)}: "
            "one frame needs a dimension, `frame.unsqueeze(0)`."
        )
