"""Tensors as bytes; NumPy may not be installed."""

import torch
from torch import Tensor


def to_bytes(tensor: Tensor) -> bytes:
    """Return the elements of a tensor, at least one, as they are in memory, row by row."""
    octets = tensor.contiguous().flatten().view(torch.uint8)
    buffer = bytearray(octets.numel())
    torch.frombuffer(buffer, dtype=torch.uint8).copy_(octets)
    return bytes(buffer)
