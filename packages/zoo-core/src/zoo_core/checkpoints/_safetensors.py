"""Reads safetensors files, and the twins of other checkpoints among them."""

import json
from collections import Counter, OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LONGEST_HEADER = 16 << 20
"""Bytes that the header of a safetensors file may have: enough for a hundred thousand tensors, and read in a moment."""

TWIN_METADATA = "zoo"
"""Where a safetensors file made of a checkpoint keeps what tensors cannot: the order of names, modules' versions."""


def read_safetensors(path: Path, map_location: Any, *, is_mapped: bool) -> Mapping[str, Tensor]:  # as torch.load
    """Read the tensors of a safetensors file, in the order of the checkpoint that it was made of, if it was.

    Args:
        path: The file.
        map_location: As for `torch.load`.
        is_mapped: Map the file into memory, rather than read it at once.

    Raises:
        ValueError: Its header is none.
        SafetensorError: Likewise.
    """
    from safetensors import safe_open
    from safetensors.torch import load, load_file

    header = _header_length(path)
    with safe_open(path, framework="pt") as file:  # which compares sizes and places with the file
        facts = (file.metadata() or {}).get(TWIN_METADATA)
    _check_names(path, header)
    device = device_for(map_location)
    if is_mapped:
        state = load_file(path, device="cpu" if device.type == "meta" else str(device))
    else:
        state = load(path.read_bytes())
    return _as_saved({name: tensor.to(device) for name, tensor in state.items()}, facts)


def _header_length(path: Path) -> int:
    with path.open("rb") as file:
        header, size = int.from_bytes(file.read(8), "little"), path.stat().st_size
    if header > min(LONGEST_HEADER, size):
        raise ValueError(f"its header claims {header:,} bytes, of {size:,} and at most {LONGEST_HEADER:,}")
    return header


def _check_names(path: Path, length: int) -> None:
    """Refuse a header that names a tensor twice, of which the library would keep one."""
    with path.open("rb") as file:
        file.seek(8)
        json.loads(file.read(length), object_pairs_hook=_without_repetition)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # what JSON holds
    found = dict(pairs)
    if len(found) != len(pairs):
        name = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"its header names {name[:80]!r} twice")
    return found


def device_for(map_location: Any) -> torch.device:  # as torch.load
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
