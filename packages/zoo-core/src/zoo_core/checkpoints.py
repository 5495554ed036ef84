"""Reads checkpoint files, in each of the three forms that weights are published in."""

import json
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import CheckpointError
from .files import Settings

LONGEST_HEADER = 16 << 20
"""Bytes that the header of a safetensors file may have: enough for a hundred thousand tensors, and read in a moment."""

TWIN_METADATA = "zoo"
"""Where a safetensors file made of a checkpoint keeps what tensors cannot: the order of names, modules' versions."""

_ZIP_MAGIC = b"PK\x03\x04"
_END_OF_QUANTIZATION: tuple[tuple[str, type[Warning]], ...] = (
    (r"torch\.ao\.quantization is deprecated", DeprecationWarning),
    (r"torch\.quantize_per_tensor, .* are deprecated", UserWarning),
    (r"TypedStorage is deprecated", UserWarning),  # torch's own code, where it reads quantized tensors
    (r"must run observer before calling calculate_qparams", UserWarning),  # of additions that a network does without
    (r"Please use quant_min and quant_max .*\s*reduce_range will be deprecated", UserWarning),
)
"""What torch warns of; 2.10 began to."""


def read_state_dict(path: Path, *, map_location: Any = "cpu") -> Mapping[str, Tensor]:  # as torch.load
    """Read the tensors of a checkpoint, mapped into memory where its form allows.

    What is mapped is read when it is used. A file that was replaced or deleted meanwhile does not matter; one that is
    overwritten in place would. With `ZOO_MMAP=0`, everything is read at once.

    Args:
        path: A safetensors file, or one written by `torch.save`, as a zip archive or in the older form.
        map_location: As for `torch.load`.

    Returns:
        What the file holds, by name.

    Raises:
        CheckpointError: It cannot be read, holds more than plain tensors, or holds no state dictionary.
        OSError: It cannot be opened.
    """
    with path.open("rb") as file:
        beginning = file.read(8)
    is_mapped = Settings.from_environment().maps_files
    try:
        if path.suffix == ".safetensors":
            state = _read_safetensors(path, beginning, map_location, is_mapped=is_mapped)
        else:
            state = _read_pickle(path, beginning, map_location, is_mapped=is_mapped)
    except Exception as error:  # bytes that are no checkpoint make torch's unpickler fail in any way
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{path} holds a {type(state).__name__}; expected tensors by name.")
    return state


def _read_pickle(path: Path, beginning: bytes, map_location: Any, *, is_mapped: bool) -> Any:  # what the file holds
    # weights_only: a pickle must not run code. The older form has no storage that could be mapped.
    with quiet_quantization():
        return torch.load(
            path, map_location=map_location, mmap=is_mapped and beginning.startswith(_ZIP_MAGIC), weights_only=True
        )


@contextmanager
def quiet_quantization() -> Iterator[None]:
    """Inside, torch says nothing of the end of its eager quantization, which int8 files and models need.

    The project's answer to that end is in docs/decisions.md; users can do nothing about it.
    """
    with warnings.catch_warnings():
        for message, category in _END_OF_QUANTIZATION:
            warnings.filterwarnings("ignore", message, category)
        yield


def _read_safetensors(
    path: Path, beginning: bytes, map_location: Any, *, is_mapped: bool
) -> Mapping[str, Tensor]:  # as torch.load
    from safetensors import safe_open
    from safetensors.torch import load, load_file

    header, size = int.from_bytes(beginning, "little"), path.stat().st_size
    if header > min(LONGEST_HEADER, size):
        raise ValueError(f"its header claims {header:,} bytes, of {size:,} and at most {LONGEST_HEADER:,}")
    with safe_open(path, framework="pt") as file:
        facts = (file.metadata() or {}).get(TWIN_METADATA)
    device = _device_for(map_location)
    if is_mapped:
        state = load_file(path, device="cpu" if device.type == "meta" else str(device))
    else:
        state = load(path.read_bytes())
    return _as_saved({name: tensor.to(device) for name, tensor in state.items()}, facts)


def _device_for(map_location: Any) -> torch.device:  # as torch.load
    """Return where tensors go that were saved on no other device than the CPU."""
    if callable(map_location):
        moved = map_location(torch.UntypedStorage(0), "cpu")  # type: ignore[no-untyped-call] # torch's
        return torch.device("cpu") if moved is None else torch.device(moved.device)
    if isinstance(map_location, Mapping):
        map_location = map_location.get("cpu")
    return torch.device("cpu" if map_location is None else map_location)


def _as_saved(state: dict[str, Tensor], facts: str | None) -> Mapping[str, Tensor]:
    """Return the tensors in the order, and with the modules' versions, of the checkpoint that a file was made of."""
    if facts is None:
        return state
    names, versions = map(json.loads(facts).get, ("names", "versions"))
    if not isinstance(names, list) or sorted(names) != sorted(state):
        raise ValueError("its metadata does not name the tensors that it holds")
    ordered = OrderedDict((name, state[name]) for name in names)
    if isinstance(versions, dict):  # load_state_dict looks for it
        ordered._metadata = OrderedDict(versions)  # type: ignore[attr-defined]
    return ordered
