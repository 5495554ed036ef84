"""What devices can do: not all of them have double precision."""

import torch
from torch import Tensor


def has_double_precision(device: torch.device) -> bool:
    """Tell whether a device computes in double precision: Apple's GPUs do not.

    Example:
        >>> import torch
        >>> from zoo_core.devices import has_double_precision
        >>> has_double_precision(torch.device("cpu")), has_double_precision(torch.device("mps"))
        (True, False)
    """
    return device.type != "mps"


def to_double(numbers: Tensor) -> Tensor:
    """Return numbers in double precision, on the processor where their device has none.

    Example:
        >>> import torch
        >>> from zoo_core.devices import to_double
        >>> to_double(torch.ones(1)).dtype
        torch.float64
    """
    return numbers.double() if has_double_precision(numbers.device) else numbers.cpu().double()
