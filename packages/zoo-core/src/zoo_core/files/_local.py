"""Decides about files that are already here: right, wrong, or not known."""

import contextlib
import errno
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from zoo_core.errors import WrongBytesError

from ._links import files_of
from ._settings import Settings
from ._stamps import Stamps
from ._weights_file import WeightsFile

logger = logging.getLogger("zoo")


@dataclass(frozen=True, slots=True)
class Verifier:
    """Compares files with what the catalogue states of them, and puts wrong ones away.

    Args:
        stamps: Digests of files that were verified before.
        quarantine: The folder for files with wrong bytes.
    """

    stamps: Stamps
    quarantine: Path

    @classmethod
    def of(cls, settings: Settings) -> "Verifier":
        """Return the verifier that keeps its stamps where the settings say."""
        return cls(Stamps(settings.state / "verified"), settings.quarantine)

    def verify(self, path: Path, file: WeightsFile) -> str:
        """Return the SHA-256 of the file at `path`, which is the one that the catalogue states.

        Raises:
            WrongBytesError: It is not.
        """
        path = path.absolute()
        sha256 = self.stamps.sha256_of(path)
        self.check(sha256, file, path)
        return sha256

    def check(self, sha256: str, file: WeightsFile, path: Path | str) -> None:
        """Compare a digest that was just computed.

        Raises:
            WrongBytesError: It is not the one that the catalogue states.
        """
        if file.digest is None or file.digest.matches(sha256):
            return
        if not file.digest.confirmed:
            logger.warning(
                "%s: the file's SHA-256 is %s, its name says %s. Nobody has confirmed that name: it is used.",
                file.entry, sha256, file.digest,
            )  # fmt: skip
            return
        expected = f"{file.digest} ({file.digest.stated_by})"
        raise WrongBytesError(f"{path} has wrong bytes: expected SHA-256 {expected}, found {sha256}", sha256)

    def put_away(self, path: Path, keep_as: str, sha256: str) -> Path | None:
        """Move a file with wrong bytes into the quarantine. Of a link out of the cache, a copy is kept there.

        The same wrong bytes are kept once, however often they come.

        Returns:
            Where it is now; `None` if it could not be moved, as out of a read-only folder.
        """
        target = self.quarantine / f"{keep_as}.{sha256[:16]}"
        temporary = target.with_name(f"{target.name}.{os.urandom(4).hex()}.new")
        try:
            self.quarantine.mkdir(parents=True, exist_ok=True)
            contents, *names = files_of(path)
            if contents.is_symlink():  # to somebody else's file
                shutil.copyfile(contents, temporary)
                contents.unlink()
            else:
                _move(contents, temporary)
            temporary.replace(target)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            return None
        self.stamps.forget(path.absolute())
        for name in names:
            with contextlib.suppress(OSError):
                name.unlink(missing_ok=True)
        return target


def _move(path: Path, target: Path) -> None:
    """Move a file, to another disk too."""
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV or not os.access(path.parent, os.W_OK):
            raise
        shutil.copyfile(path, target)
        path.unlink()
