"""Writes safetensors files: tensors, bit by bit, in a form that cannot hold anything but tensors."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from zoo_core.files.store._paths import usual_mode

from ._read import read_state_dict
from ._safetensors import TWIN_METADATA


def write_safetensors(state: Mapping[str, object], path: Path) -> str | None:
    """Write tensors as a safetensors file, and read it again to see that nothing has changed.

    The order of the names and the modules' versions that the state holds go into the file's metadata, from where
    `read_state_dict` restores them. The same state gives the same bytes.

    Args:
        state: As `read_state_dict` or a module's `state_dict()` gives it.
        path: Where to write; on failure nothing is left there.

    Returns:
        `None`, or why the contents do not allow such a file; then nothing is written.

    Raises:
        OSError: The file cannot be written.
        RuntimeError: What was written is not what was given.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    reason = _reason_against(state)
    if reason is not None:
        return reason
    try:
        save_file(dict(_separate(tensors)), path, metadata=_metadata(state))
        path.chmod(usual_mode(path))  # the library makes files that nobody else may read
        written = read_state_dict(path)
        if list(written) != list(tensors) or not all(_same_bits(written[name], tensors[name]) for name in tensors):
            raise RuntimeError(f"The safetensors file {path} does not hold the tensors that were written to it.")
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, SafetensorError):
            raise OSError(f"{path} cannot be written: {error}") from error
        raise
    return None


def _reason_against(state: Mapping[str, object]) -> str | None:
    for name, value in state.items():
        if not isinstance(value, Tensor):
            return f"{name} is no tensor but a {type(value).__name__}"
        if value.is_quantized:
            return f"{name} is quantized"
        if value.layout != torch.strided:
            return f"{name} is sparse"
        if not _is_known(value.dtype):
            return f"{name} is {value.dtype}"
    return None


def _is_known(dtype: torch.dtype) -> bool:
    """Whether the format has a name for it."""
    from safetensors.torch import save

    try:
        save({"": torch.empty(0, dtype=dtype)})
    except KeyError:
        return False
    return True


def _separate(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors contiguous, each in memory of its own, as the format wants them."""
    seen: set[int] = set()
    for name, tensor in state.items():
        own = tensor.detach().cpu().contiguous()
        if own.untyped_storage().data_ptr() in seen:
            own = own.clone()
        seen.add(own.untyped_storage().data_ptr())
        yield name, own


def _metadata(state: Mapping[str, object]) -> dict[str, str]:
    """Return one member only: the format's library writes several in an order that differs from run to run."""
    facts = {"names": list(state), "versions": getattr(state, "_metadata", None)}
    return {TWIN_METADATA: json.dumps(facts, separators=(",", ":"))}


def _same_bits(first: Tensor, second: Tensor) -> bool:
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    return torch.equal(_bits(first), _bits(second.cpu()))


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)
