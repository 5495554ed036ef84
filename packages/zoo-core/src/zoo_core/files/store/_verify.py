"""Verifies files: compares their checksums with what is known of them, and puts wrong ones away."""

import contextlib
import errno
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zoo_core.errors import SourceError, WrongBytesError
from zoo_core.files._settings import Settings

from ._paths import files_of, temporary_beside
from ._quarantine import copy_privately, make_private_folder, make_room
from ._resolved_file import ResolvedFile
from ._stamps import Stamps, identity, is_same
from ._weights_file import WeightsFile

logger = logging.getLogger("zoo")

ALWAYS_READ_AGAIN = 16 << 20
"""Files of no more bytes are read once more under their name, which takes some hundredths of a second."""

Place = Callable[[Path], Path]
"""Moves a whole and right file to where it belongs, and returns that."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A file whose bytes are all here, not yet under its name.

    Args:
        path: Where they are.
        folder: Where they are to go.
        sha256: The digest of what was written.
        hashed: The file's state then.
        is_certain: Whether nobody else can have written to the file.
    """

    path: Path
    folder: Path
    sha256: str
    hashed: os.stat_result
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Verifier:
    """Compares files with what the catalogue states of them, and puts wrong ones away.

    Args:
        stamps: Digests of files that were verified before.
        quarantine: The folder for files with wrong bytes.
        requires_full: Whether files are refused of which the full digest is not known.
    """

    stamps: Stamps
    quarantine: Path
    requires_full: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "Verifier":
        """Return the verifier that keeps its stamps where the settings say."""
        return cls(Stamps(settings.state / "verified"), settings.quarantine, settings.requires_full)

    def check_known(self, file: WeightsFile) -> None:
        """Refuse a file of which too little is known, before a byte of it is read.

        Raises:
            SourceError: Its full digest is required, and not known.
        """
        if self.requires_full and (file.digest is None or not file.digest.is_full):
            known = f"only the first digits, {file.digest}, are known" if file.digest else "none is known"
            raise SourceError(f"not used: ZOO_REQUIRE=full wants the full SHA-256 of {file.name}, and {known}")

    def resolved(self, path: Path, file: WeightsFile, source: str) -> ResolvedFile:
        """Verify a file that is here; return it with what was found.

        Raises:
            WrongBytesError: It is not what the catalogue states.
            SourceError: Too little is known of it.
        """
        self.check_known(file)
        before = identity(path)
        sha256 = self.verify(path, file)
        if file.digest is None or not file.digest.matches(sha256):
            verified = "unknown"
        else:
            verified = "full digest" if file.digest.is_full else "prefix"
        return ResolvedFile(path, source, sha256, verified, before)

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

    def admit(self, whole: Whole, file: WeightsFile, source: str, place: Place | None = None) -> ResolvedFile:
        """Give a file its name, by one atomic move, if its bytes are right.

        Args:
            whole: The bytes.
            file: What they must be.
            source: What they came from.
            place: What moves them; by default into the folder.

        Raises:
            SourceError: Its bytes are wrong; it is in the quarantine.
            OSError: It cannot be moved.
        """
        try:
            self.check(whole.sha256, file, file.name)
        except WrongBytesError as error:
            kept = self.put_away(whole.path, file.name, whole.sha256)
            raise SourceError(f"{error}; kept for a look at {kept}") from None
        path = (place(whole.path) if place else whole.path.replace(whole.folder / file.name_in_cache)).absolute()
        found = self._stamp(path, whole, source)
        if found != whole.sha256 and not (file.digest and file.digest.confirmed):  # or nobody would ever notice
            kept = self.put_away(path, file.name, found)
            raise SourceError(
                f"{path} has wrong bytes, SHA-256 {found}, although it came right, {whole.sha256}: "
                f"what writes to it? Kept for a look at {kept}"
            )
        try:
            return self.resolved(path, file, source)
        except WrongBytesError as error:
            raise SourceError(f"{error}, although it came right: what writes to it?") from None

    def _stamp(self, path: Path, whole: Whole, source: str) -> str:
        """Return the SHA-256 of what got the name: as it came, if that is certain, else all is read again."""
        is_large = whole.hashed.st_size > ALWAYS_READ_AGAIN
        if whole.is_certain and is_large and is_same(path.stat(), whole.hashed):
            self.stamps.write(path, whole.sha256, whole.hashed, source)
            return whole.sha256
        return self.stamps.renew(path, source)

    def put_away(self, path: Path, keep_as: str, sha256: str) -> Path | None:
        """Move a file with wrong bytes into the quarantine. Of a link out of the cache, a copy is kept there.

        The same wrong bytes are kept once, however often they come; of many, those that came last. Nobody else may read
        them: a link may have led to what is private.

        Returns:
            Where it is now; `None` if it could not be moved, as out of a read-only folder.
        """
        target = self.quarantine / f"{keep_as}.{sha256[:16]}"
        temporary = temporary_beside(target)
        try:
            make_private_folder(self.quarantine)
            contents, *names = files_of(path)
            if contents.is_symlink():  # to somebody else's file
                copy_privately(contents, temporary)
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
        make_room(self.quarantine, keep=target)
        return target


def _move(path: Path, target: Path) -> None:
    """Move a file, to another disk too."""
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV or not os.access(path.parent, os.W_OK):
            raise
        copy_privately(path, target)
        path.unlink()
