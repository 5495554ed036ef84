"""Acting as other users of the machine, where the tests run as root; as oneself elsewhere."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

GROUP = 54320
"""A group that all of them are in."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs two users: only root can act as both")


@contextmanager
def user(number: int = 1, *, umask: int = 0o022) -> Iterator[None]:
    """Inside, act as a user without privileges: another one for each number, where the tests run as root."""
    before, mask = (os.geteuid(), os.getegid(), os.getgroups()), os.umask(umask)
    if before[0] == 0:
        os.setgroups([GROUP])
        os.setegid(54321 + number)
        os.seteuid(54321 + number)
    try:
        yield
    finally:
        os.umask(mask)
        if before[0] == 0:
            os.seteuid(before[0])
            os.setegid(before[1])
            os.setgroups(before[2])


@contextmanager
def public_folder() -> Iterator[Path]:
    """Give a temporary folder that every user may write to; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="zoo-tests-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)
