"""Safetensors twins: the tensors of a published file, bit by bit, in a form that cannot hold anything but tensors."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from zoo_core.checkpoints import TWIN_METADATA, read_state_dict


def write_twin(original: Path, twin: Path) -> str | None:
    """Write the tensors of a checkpoint as a safetensors file, and read it again to see that nothing has changed.

    The order of the names and the modules' versions that the checkpoint holds go into the file's metadata, from where
    `read_state_dict` restores them. The same checkpoint gives the same bytes.

    Args:
        original: A file that `read_state_dict` reads.
        twin: Where to write; on failure nothing is left there.

    Returns:
        `None`, or why the file's contents do not allow a twin; then nothing is written.

    Raises:
        CheckpointError: The file cannot be read as a checkpoint.
        OSError: The other cannot be written.
        RuntimeError: What was written is not what was read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    state = read_state_dict(original)
    reason = _reason_against(state)
    if reason is not None:
        return reason
    try:
        save_file(dict(_separate(state)), twin, metadata=_metadata(state))
        _check_equal(read_state_dict(twin), state, original)
    except BaseException as error:
        twin.unlink(missing_ok=True)
        if isinstance(error, SafetensorError):
            raise OSError(f"{twin} cannot be written: {error}") from error
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
        own = tensor.detach().contiguous()
        if own.untyped_storage().data_ptr() in seen:
            own = own.clone()
        seen.add(own.untyped_storage().data_ptr())
        yield name, own


def _metadata(state: Mapping[str, Tensor]) -> dict[str, str]:
    """Return one member only: the format's library writes several in an order that differs from run to run."""
    facts = {"names": list(state), "versions": getattr(state, "_metadata", None)}
    return {TWIN_METADATA: json.dumps(facts, separators=(",", ":"))}


def _check_equal(written: Mapping[str, Tensor], state: Mapping[str, Tensor], original: Path) -> None:
    same_names = list(written) == list(state)
    if not (same_names and all(_same_bits(written[name], tensor) for name, tensor in state.items())):
        raise RuntimeError(f"The safetensors file made of {original} does not hold the same tensors.")


def _same_bits(first: Tensor, second: Tensor) -> bool:
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    return torch.equal(_bits(first), _bits(second))


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)
