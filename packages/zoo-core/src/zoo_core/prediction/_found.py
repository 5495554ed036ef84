"""What is under a path, whatever is wrong with it (links in circles, closed folders, pipes), or in memory."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_OTHER_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """Something under a path.

    Args:
        path: The path; of what is in memory, a name.
        problem: Why it cannot be read, where that is known.
        is_folder: Whether it is a folder, which cannot be listed.
        content: What is in memory.
    """

    path: Path
    problem: str | None = None
    is_folder: bool = False
    content: object = None

    @classmethod
    def given(cls, path: Path, *, strict: bool = True) -> Self:
        """Return what a user has named, which is no folder that can be seen.

        Args:
            path: Its path.
            strict: Whether it must be there.

        Raises:
            FileNotFoundError: There is nothing of that name.
        """
        try:
            path.lstat()
        except FileNotFoundError:
            if not strict:
                return cls(path, "there is no such file or folder.")
            raise FileNotFoundError(f"There is no file or folder {path}.") from None
        except (OSError, ValueError) as error:
            return cls(path, reason_of(error))
        try:
            path.stat()
        except OSError as error:
            return cls(path, reason_of(error, is_link=True))
        return cls(path)  # a pipe, too, where it is meant


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder, or a link to one, as far as that can be seen."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def is_link(path: Path) -> bool:
    """Tell whether there is a link, as far as that can be seen."""
    return os.path.islink(path)  # noqa: PTH114 # pathlib's raises an error in a closed folder


def problem_of(mode: int) -> str | None:
    """Return what is wrong with a thing of that `st_mode` in a folder, where nobody means to wait for a pipe."""
    kind = next((name for is_of_kind, name in _OTHER_KINDS if is_of_kind(mode)), None)
    return kind and f"this is {kind}, and no file."


def reason_of(error: OSError | ValueError, *, is_link: bool = False) -> str:
    """Return the end of a sentence that has named the path."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"this link cannot be followed: {reason}." if is_link else f"{reason}."
