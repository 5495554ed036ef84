"""What was measured after each epoch, for TensorBoard, where that is installed."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from torch.utils import tensorboard

BOARD = "tensorboard"
"""The folder of its files, in that of a run."""


class Board:
    """Writes losses, metrics and the learning rate of each epoch; nothing where TensorBoard is not installed.

    Args:
        folder: The run's.
        epochs: How many are done: what was written of later ones is taken back.
    """

    def __init__(self, folder: Path, epochs: int = 0) -> None:
        self._writer: tensorboard.SummaryWriter | None = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(folder / BOARD, purge_step=epochs + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row of the journal."""
        if self._writer is None:
            return
        for kind in ("losses", "metrics", "seconds"):
            for name, value in row[kind].items():
                self._writer.add_scalar(f"{kind}/{name}", value, row["epoch"])
        self._writer.add_scalar("lr", row["lr"], row["epoch"])
        self._writer.flush()
