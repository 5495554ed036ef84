"""What devices can do, and which one a process has: asked without importing torch."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .names import Later

if TYPE_CHECKING:
    import torch
else:
    torch = Later("torch")


def has_double_precision(device: "torch.device") -> bool:
    """Tell whether a device computes in double precision: Apple's GPUs do not.

    Example:
        >>> import torch
        >>> from zoo_core.devices import has_double_precision
        >>> has_double_precision(torch.device("cpu")), has_double_precision(torch.device("mps"))
        (True, False)
    """
    return device.type != "mps"


def to_double(numbers: "torch.Tensor") -> "torch.Tensor":
    """Return numbers in double precision, on the processor where their device has none.

    Example:
        >>> import torch
        >>> from zoo_core.devices import to_double
        >>> to_double(torch.ones(1)).dtype
        torch.float64
    """
    return numbers.double() if has_double_precision(numbers.device) else numbers.cpu().double()


def device_of_process(device: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the device of one of several processes that `torchrun` has started: of `"cuda"`, a GPU of its own.

    Args:
        device: What was asked for, as torch names devices; any but `"cuda"` is that of all processes.
        environment: `LOCAL_RANK` in it is the number of the process on its machine.

    Example:
        >>> from zoo_core.devices import device_of_process
        >>> device_of_process("cuda", {"LOCAL_RANK": "1"}), device_of_process("cpu", {"LOCAL_RANK": "1"})
        ('cuda:1', 'cpu')
    """
    return f"cuda:{environment.get('LOCAL_RANK', '0')}" if device == "cuda" else device
