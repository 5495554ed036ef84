"""Int8 networks for tests, and the same by torch's eager quantization."""

import torch
from torch import Tensor, nn
from torch.ao import quantization as torch_quantization
from torch.nn import functional as F

from reference.fill import calibrate_, fill_, image_batch
from reference.records import form
from zoo_classification import quantization
from zoo_core import get_model
from zoo_core.checkpoints import quiet_quantization

BETWEEN_LAYERS = (
    nn.Hardsigmoid(),
    nn.ReLU(),
    nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    nn.AdaptiveAvgPool2d(1),
    lambda x: F.avg_pool2d(x, kernel_size=3, stride=1, padding=1),
    lambda x: x.mean([2, 3]),
    lambda x: torch.flatten(x, 1),
    lambda x: x.chunk(2, dim=1)[1],
    lambda x: x.view(2, 2, 32, *x.shape[2:]).transpose(1, 2).reshape(2, 64, *x.shape[2:]),
    lambda x: F.dropout(x, 0.5, training=False),
)
"""What networks do with activations `(2, 64, H, W)` between their int8 layers."""


def random_state(network: nn.Module, largest: float = 4) -> dict[str, object]:
    """Return the state of an int8 network with other values, whose weights are at most `largest`."""
    torch.manual_seed(0)
    state = network.state_dict()
    for name, value in state.items():
        values = [random_tensor(each, largest) for each in (value if isinstance(value, tuple) else (value,))]
        state[name] = tuple(values) if isinstance(value, tuple) else values[0]
    return state


def random_tensor(value, largest):
    if not isinstance(value, Tensor) or not (value.is_quantized or value.is_floating_point()):
        return value
    if value.is_quantized:
        scales = torch.full(value.shape[:1], 2**-5, dtype=torch.float64)  # engines keep scales as float32
        return torch.quantize_per_channel(
            torch.randn(value.shape).clamp_(-largest, largest),
            scales,
            torch.zeros_like(scales, dtype=torch.int64),
            0,
            torch.qint8,
        )
    return torch.rand_like(value) * 0.05 + 0.01


def assert_same_state(found, expected):
    assert [(name, form(value)) for name, value in found.items()] == [(n, form(v)) for n, v in expected.items()]
    for name, value in found.items():
        pairs = zip(value, expected[name], strict=True) if isinstance(value, tuple) else [(value, expected[name])]
        for ours, theirs in pairs:
            assert ours == theirs if isinstance(ours, torch.dtype) else torch.equal(ours, theirs), name


def synthetic(name: str, size: int = 96, **kwargs: object) -> nn.Module:
    """Return a float network whose layers all matter to the output."""
    extra = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
    return calibrate_(fill_(getattr(quantization, name)(**extra, **kwargs)), image_batch((2, 3, size, size)))


def quantized(name: str, floats: nn.Module | None = None, images: Tensor | None = None) -> nn.Module:
    """Return the int8 network of a registered model, with the integers of a float network, by default a synthetic one.

    Args:
        name: Of the int8 model.
        floats: The float network.
        images: Where the ranges are from. PyTorch's kernels saturate beyond these.
    """
    floats = synthetic(name.removeprefix("quantized_")) if floats is None else floats
    images = image_batch((2, 3, 224, 224)) if images is None else images
    network = get_model(name, weights=None, quantize=True).eval()
    network.load_state_dict(convert_after_training(floats, images).state_dict())
    return network


def convert_after_training(network: nn.Module, images: Tensor, backend: str = "fbgemm") -> nn.Module:
    """Quantize a float network as its users do."""
    network.eval().fuse_model()
    network.qconfig = torch_quantization.get_default_qconfig(backend)
    with quiet_quantization():
        torch_quantization.prepare(network, inplace=True)
        network(images)
        return torch_quantization.convert(network, inplace=True)
