"""Reads checkpoint files, in each of the three forms that weights are published in."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .errors import CheckpointError

_ZIP_MAGIC = b"PK\x03\x04"


def read_state_dict(path: Path, *, map_location: Any = "cpu") -> Mapping[str, Tensor]:  # as torch.load
    """Read the tensors of a checkpoint, mapped into memory where its form allows.

    Args:
        path: A safetensors file, or one written by `torch.save`, as a zip archive or in the older form.
        map_location: As for `torch.load`.

    Returns:
        What the file holds, by name.

    Raises:
        CheckpointError: It cannot be read, holds more than plain tensors, or holds no state dictionary.
    """
    read = _read_safetensors if path.suffix == ".safetensors" else _read_pickle
    try:
        state = read(path, map_location)
    except (RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{path} holds a {type(state).__name__}; expected tensors by name.")
    return state


def _read_pickle(path: Path, map_location: Any) -> Any:  # what the file holds
    with path.open("rb") as file:
        is_zip = file.read(4) == _ZIP_MAGIC
    # weights_only: a pickle must not run code. The older form has no storage that could be mapped.
    return torch.load(path, map_location=map_location, mmap=is_zip, weights_only=True)


def _read_safetensors(path: Path, map_location: Any) -> Mapping[str, Tensor]:  # as torch.load
    device = torch.device(map_location)
    if device.type == "meta":
        return {name: tensor.to(device) for name, tensor in load_file(path).items()}
    return load_file(path, device=str(device))
