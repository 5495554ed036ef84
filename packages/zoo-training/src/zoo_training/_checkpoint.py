"""Checkpoints: a training's whole state in one file, there whole or not at all."""

from pathlib import Path
from typing import Any

import torch

from zoo_core.errors import CheckpointError

from ._files import write_with

CHECKPOINT = "checkpoint.pt"


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write a state beside the last one, onto the disk, and then in its place.

    Raises:
        OSError: There is no room; the last checkpoint stays.
    """
    path = folder / CHECKPOINT
    try:
        write_with(path, lambda file: torch.save(state, file))
    except (OSError, RuntimeError) as error:  # torch's writer says by the latter that a disk is full
        kept = "The one before is kept: make room, and go on with --resume." if path.exists() else "Make room."
        raise OSError(f"{path} cannot be written: {error}. {kept}") from error


def read_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Read the state that was written last; `None` where there is none.

    Raises:
        CheckpointError: The file is damaged.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path} is damaged, or no checkpoint of zoo's. Take it away to begin anew.") from error
    return state
