"""Safetensors twins: the tensors of a published file in a form that cannot hold anything but tensors."""

from pathlib import Path

from zoo_core.checkpoints import read_state_dict, write_safetensors


def write_twin(original: Path, twin: Path) -> str | None:
    """Write the tensors of a checkpoint as a safetensors file, as `zoo_core.checkpoints.write_safetensors` does.

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
    return write_safetensors(read_state_dict(original), twin)
