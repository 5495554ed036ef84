"""A verified file, and reading it without being deceived by whoever writes to it meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from zoo_core.errors import CheckpointError

from ._stamps import identity


@dataclass(frozen=True, slots=True)
class ResolvedFile:
    """A file that is here and has been verified.

    Args:
        path: Where it is.
        source: What gave it: a folder, a mirror, the upstream URL or a package.
        sha256: Its digest, computed on this machine.
        verified: What the digest was compared with: `"full digest"`, `"prefix"`, or `"unknown"` where none is known.
        identity: The state that it had before it was verified.
    """

    path: Path
    source: str
    sha256: str
    verified: str
    identity: tuple[int, ...] = field(repr=False)

    @contextmanager
    def unchanged(self) -> Iterator[Path]:
        """Give the path to read from; what was read is what was verified, or an error says that it is not.

        Raises:
            CheckpointError: Meanwhile the file was changed or replaced.

        Example:
            >>> from zoo_core import get_weight
            >>> from zoo_core.checkpoints import read_state_dict
            >>> from zoo_core.files import resolve
            >>> with resolve(get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT").file).unchanged() as path:
            ...     state = read_state_dict(path)
        """
        try:
            yield self.path
        except Exception as error:
            self._check_unchanged(error)
            raise
        self._check_unchanged(None)

    def _check_unchanged(self, cause: Exception | None) -> None:
        try:
            if identity(self.path) == self.identity:
                return
        except OSError as error:
            cause = error
        raise CheckpointError(
            f"{self.path} was changed while it was read: what was read of it is not used. Try again; "
            f"if that does not help, find out what writes to the file."
        ) from cause
