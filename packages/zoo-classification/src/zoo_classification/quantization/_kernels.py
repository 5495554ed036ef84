"""The int8 kernels of torch, as modules that TorchScript compiles, too: from `torch.quint8` to `torch.quint8`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from zoo_core.checkpoints import QuantizedTensor, quiet_quantization

_ENGINES = (("fbgemm", "x86", "onednn"), ("qnnpack",))
"""Which engines compute the same arithmetic; the first of each is the one that published files are for."""


def engines_like(backend: str) -> tuple[str, ...]:
    """Return the engines that compute the same arithmetic; a `ValueError` if `backend` is none."""
    for likes in _ENGINES:
        if backend in likes:
            return likes
    known = ", ".join(engine for likes in _ENGINES for engine in likes)
    raise ValueError(f"backend should be one of {known}, found {backend!r}")


def engines_here() -> list[str]:
    """Return the engines that this build of torch has on this machine."""
    return list(torch.backends.quantized.supported_engines)


def choose_engine(backend: str) -> str:
    """Return `backend`, or another engine of the same arithmetic if only that is here."""
    here = engines_here()
    return next((engine for engine in (backend, *engines_like(backend)) if engine in here), backend)


@contextmanager
def engine_of_torch(engine: str | None) -> Iterator[None]:
    """Inside, weights are packed for `engine`: a setting of the whole process, so it is put back. `None` changes none.

    Packed weights know their engine, so none needs to be set while the network runs.
    """
    before = torch.backends.quantized.engine
    if engine is not None:
        torch.backends.quantized.engine = engine
    try:
        yield
    finally:
        torch.backends.quantized.engine = before


@cache
def has_quantized_tensors() -> bool:
    """Tell whether this torch has quantised tensors, and operations on them."""
    try:
        with quiet_quantization(), torch.device("cpu"):  # whatever the device of the context is
            one = torch.quantize_per_tensor(torch.ones(1), 1.0, 0, torch.quint8)
            weight = QuantizedTensor(torch.ones(1, dtype=torch.int8), torch.ones(()), torch.zeros(()))
            two = torch.ops.quantized.add(one, one, 1.0, 0).int_repr()
            return bool(two == 2 and as_tensor_of_torch(weight).int_repr() == 1)
    except Exception:  # noqa: BLE001 # whatever a torch without them raises
        return False


def _rounds_to_even_steps() -> bool:
    try:
        with quiet_quantization(), torch.device("cpu"):
            half = torch.quantize_per_tensor(torch.full((1,), 0.5), 1.0, 1, torch.quint8)
            return bool(half.int_repr() == 1)
    except Exception:  # noqa: BLE001 # whatever a torch without them raises
        return False


ROUNDS_TO_EVEN_STEPS = _rounds_to_even_steps()
"""Whether torch makes an even number of steps of half a step, as some builds do, and not an even level.

Found out before anything is recorded, when nothing can be.
"""


@cache
def has_integer_operators() -> bool:
    """Tell whether oneDNN convolves and multiplies ordinary tensors of integers here, exactly.

    On processors without an instruction for it, it adds two products in 16 bits, which may be too few.
    """
    with torch.inference_mode(), torch.device("cpu"):
        levels, weight = torch.full((1, 64, 1, 1), 255, dtype=torch.uint8), torch.full((16, 64), 127, dtype=torch.int8)
        try:
            convolved = integer_convolution(weight[:, :, None, None], (1, 1), (0, 0), (1, 1), 1)(levels, 0)
            multiplied = integer_product(weight)(levels[:, :, 0, 0], 0)
        except Exception:  # noqa: BLE001 # whatever a torch without them raises
            return False
        return bool((convolved == 64 * 255 * 127).all() and (multiplied == 64 * 255 * 127).all())


def is_recorded() -> bool:
    """Tell whether what is computed becomes a program, for other devices and runtimes, too."""
    return torch.compiler.is_compiling() or bool(torch.jit.is_tracing())  # type: ignore[attr-defined,no-untyped-call]


def sums_integers(values: Tensor) -> bool:
    """Tell whether oneDNN computes with integers that are on the device of `values`."""
    return values.device.type == "cpu" and not is_recorded() and has_integer_operators()


def integer_convolution(
    weight: Tensor, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], groups: int
) -> Callable[[Tensor, int], Tensor]:
    """Return a convolution by oneDNN, with a weight `(out, in / groups, height, width)`, int8.

    Returns:
        What makes of levels `(N, in, H, W)`, uint8, and their zero point, sums of products `(N, out, H', W')`, float32.
    """
    operators = torch.ops.onednn
    convolve = getattr(operators, "qconv_pointwise", None) or operators.qconv2d_pointwise  # as torch before 2.7 has it
    ones, zeros = torch.ones(weight.shape[0]), torch.zeros(weight.shape[0], dtype=torch.int64)
    form = (list(stride), list(padding), list(dilation), groups)
    shape: torch.Size | None = None
    packed = weight

    def sums(levels: Tensor, zero_point: int) -> Tensor:
        nonlocal shape, packed
        if levels.shape != shape:  # packed for other shapes it may take a hundred times as long
            packed = operators.qconv_prepack(weight, ones, 1.0, 0, *form, levels.shape)
            shape = levels.shape
        wanted: tuple[Any, ...] = (1.0, 0, torch.float32, "none", [], "")
        result: Tensor = convolve(levels, 1.0, zero_point, packed, ones, zeros, None, *form, *wanted)
        return result

    return sums


def integer_product(weight: Tensor) -> Callable[[Tensor, int], Tensor]:
    """Return a matrix product by oneDNN with a weight `(out, in)`, int8.

    Returns:
        What makes of levels `(N, in)`, uint8, and their zero point, sums of products `(N, out)`, float32.
    """
    operators = torch.ops.onednn
    ones, zeros = torch.ones(weight.shape[0]), torch.zeros(weight.shape[0], dtype=torch.int64)
    packed = operators.qlinear_prepack(weight, None)

    def sums(levels: Tensor, zero_point: int) -> Tensor:
        wanted: tuple[Any, ...] = (1.0, 0, torch.float32, "none", [], "")
        result: Tensor = operators.qlinear_pointwise(levels, 1.0, zero_point, packed, ones, zeros, None, *wanted)
        return result

    return sums


def computes(numbers: object, engine: str) -> bool:
    """Tell whether the kernels of torch compute a network of `engine` that begins with `numbers`."""
    if isinstance(numbers, fx.Proxy):  # of a graph that is about to be run
        return True
    assert isinstance(numbers, Tensor)
    if numbers.device.type != "cpu" or is_recorded():
        return False
    return has_quantized_tensors() and engine in engines_here()


def is_torchs(values: object) -> bool:
    """Tell whether an activation is a tensor of torch, or stands for one in a graph."""
    return isinstance(values, (Tensor, fx.Proxy))


class Scaled(nn.Module):
    """What gives its result in a scale of its own."""

    scale: float
    zero_point: int

    def __init__(self, scale: float = 1.0, zero_point: int = 0) -> None:
        super().__init__()
        self.scale = scale
        self.zero_point = zero_point

    def extra_repr(self) -> str:
        """Describe the scale."""
        return f"scale={self.scale}, zero_point={self.zero_point}"


class Quantize(Scaled):
    """Makes int8 of numbers."""

    def forward(self, x: Tensor) -> Tensor:
        """Quantise `x`, float32."""
        return torch.quantize_per_tensor(x, self.scale, self.zero_point, torch.quint8)


class Dequantize(nn.Module):
    """Makes numbers of int8."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the numbers, float32."""
        return x.dequantize()


class Hardswish(Scaled):
    """`x * relu6(x + 3) / 6`."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        result: Tensor = torch.ops.quantized.hardswish(x, self.scale, self.zero_point)
        return result


class Functional(Scaled):
    """Operations on several activations."""

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """Add."""
        result: Tensor = torch.ops.quantized.add(x, y, self.scale, self.zero_point)
        return result

    def add_relu(self, x: Tensor, y: Tensor) -> Tensor:
        """Add, and make what is negative zero."""
        result: Tensor = torch.ops.quantized.add_relu(x, y, self.scale, self.zero_point)
        return result

    def mul(self, x: Tensor, y: Tensor) -> Tensor:
        """Multiply."""
        result: Tensor = torch.ops.quantized.mul(x, y, self.scale, self.zero_point)
        return result

    def cat(self, x: list[Tensor], dim: int = 0) -> Tensor:
        """Concatenate."""
        result: Tensor = torch.ops.quantized.cat(x, dim, self.scale, self.zero_point)
        return result


def as_tensor_of_torch(weight: QuantizedTensor) -> Tensor:
    """Return a weight as a tensor of `torch.qint8`, which shares its memory."""
    integers, scales, zero_points = weight
    options: dict[str, Any] = {"dtype": torch.qint8, "device": integers.device}
    if scales.dim():
        options |= {"scales": scales.double(), "zero_points": zero_points, "axis": 0}
        tensor = torch._empty_per_channel_affine_quantized(integers.shape, **options)
    else:
        options |= {"scale": float(scales), "zero_point": int(zero_points)}
        tensor = torch._empty_affine_quantized(integers.shape, **options)
    storage, offset = integers.untyped_storage(), integers.storage_offset()
    return tensor.set_(storage, offset, integers.shape, integers.stride())


class PackedLinear(Scaled):
    """A fully connected layer.

    Args:
        weight: Of shape `(out, in)`.
        bias: float32, `(out)`, or none.
        scale: Of the result.
        zero_point: Of the result.
        engine: That it is packed for.

    Shape:
        `(N, in)` to `(N, out)`.
    """

    def __init__(
        self, weight: QuantizedTensor, bias: Tensor | None, scale: float, zero_point: int, engine: str
    ) -> None:
        super().__init__(scale, zero_point)
        self.in_features = weight.integers.shape[1]
        with engine_of_torch(engine):
            self.packed = torch.ops.quantized.linear_prepack(as_tensor_of_torch(weight), bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute."""
        result: Tensor = torch.ops.quantized.linear(x, self.packed, self.scale, self.zero_point)
        return result


class Convolution(Protocol):
    """What a convolution states of itself."""

    in_channels: int
    out_channels: int
    groups: int
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]


class PackedConv2d(Scaled):
    """A convolution, and a ReLU if wanted.

    fbgemm has a fast kernel for depthwise convolutions only if there is a multiple of 8 channels, and takes up to 90
    times as long for others. These are filled up with copies of the first channels and weights of zero, and what comes
    of them is dropped.

    Args:
        weight: Of shape `(out, in / groups, height, width)`.
        bias: float32, `(out)`, or none.
        like: The layer that it is made for.
        engine: That it is packed for.

    Shape:
        `(N, in, H, W)` to `(N, out, H', W')`.
    """

    def __init__(
        self, weight: QuantizedTensor, bias: Tensor | None, like: Convolution, *, scale: float, zero_point: int,
        is_rectified: bool, engine: str,
    ) -> None:  # fmt: skip
        super().__init__(scale, zero_point)
        self.is_rectified = is_rectified
        self.channels = like.out_channels
        self.excess = _excess(like, engine)
        if self.excess:
            weight, bias = _filled_up(weight, bias, self.excess)
        with engine_of_torch(engine):
            self.packed = torch.ops.quantized.conv2d_prepack(
                as_tensor_of_torch(weight), bias, like.stride, like.padding, like.dilation, like.groups + self.excess
            )

    def forward(self, x: Tensor) -> Tensor:
        """Compute."""
        if self.excess > 0:
            x = torch.cat([x, x[:, : self.excess]], 1)
        if self.is_rectified:
            result: Tensor = torch.ops.quantized.conv2d_relu(x, self.packed, self.scale, self.zero_point)
        else:
            result = torch.ops.quantized.conv2d(x, self.packed, self.scale, self.zero_point)
        return result[:, : self.channels] if self.excess > 0 else result


def _excess(layer: Convolution, engine: str) -> int:
    """Return how many channels a depthwise convolution lacks for a fast kernel."""
    depthwise = layer.groups == layer.in_channels == layer.out_channels
    return -layer.groups % 8 if depthwise and layer.groups > 8 and engine != "qnnpack" else 0


def _filled_up(weight: QuantizedTensor, bias: Tensor | None, excess: int) -> tuple[QuantizedTensor, Tensor | None]:
    """Return a weight and a bias with channels of zeros in addition."""
    integers, scales, zero_points = weight
    integers = F.pad(integers, (0, 0, 0, 0, 0, 0, 0, excess))
    if scales.dim():
        scales, zero_points = F.pad(scales, (0, excess), value=1.0), F.pad(zero_points, (0, excess))
    return QuantizedTensor(integers, scales, zero_points), None if bias is None else F.pad(bias, (0, excess))
