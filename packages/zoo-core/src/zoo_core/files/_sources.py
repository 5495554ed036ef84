"""The places that files come from: a folder, a web server, a Hugging Face Hub repository, an installed package."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from ._http import open_download
from ._hub import HubMirror
from ._local import Verifier
from ._receive import SourceError, receive
from ._settings import Settings
from ._weights_file import WeightsFile


class Source(Protocol):
    """Somewhere a file can be fetched from."""

    @property
    def label(self) -> str:
        """What users call the source."""
        ...

    def fetch(self, file: WeightsFile, settings: Settings, *, progress: bool) -> tuple[Path, str]:
        """Bring the file here, verified; return its path and SHA-256.

        Raises:
            SourceError: It cannot be had from here.
            OSError: It cannot be written on this machine.
        """
        ...


@dataclass(frozen=True, slots=True)
class Upstream:
    """The URL that the file was published at."""

    url: str

    @property
    def label(self) -> str:
        """The URL."""
        return self.url

    def fetch(self, file: WeightsFile, settings: Settings, *, progress: bool) -> tuple[Path, str]:
        """Download the file."""
        if urlsplit(self.url).scheme not in {"http", "https"}:
            raise SourceError("is not a URL that can be downloaded (expected https://…)")
        with open_download(self.url) as download:
            return receive(
                download.blocks,
                file,
                settings.checkpoints,
                Verifier.of(settings),
                size=download.size,
                progress=progress,
            )


@dataclass(frozen=True, slots=True)
class HttpMirror:
    """A folder on a web server."""

    url: str

    @property
    def label(self) -> str:
        """The folder's URL."""
        return self.url

    def fetch(self, file: WeightsFile, settings: Settings, *, progress: bool) -> tuple[Path, str]:
        """Download the file from its entry's folder, else from the top."""
        nested, flat = (f"{self.url.rstrip('/')}/{quote(path)}" for path in file.paths_in_mirror)
        try:
            return Upstream(nested).fetch(file, settings, progress=progress)
        except SourceError as error:
            if not str(error).startswith(("HTTP 404", "HTTP 403")):  # object stores say 403 for what is not there
                raise
        return Upstream(flat).fetch(file, settings, progress=progress)


@dataclass(frozen=True, slots=True)
class FolderMirror:
    """A folder, on this machine or a shared disk; files are copied from it."""

    label: str
    folder: Path

    def fetch(self, file: WeightsFile, settings: Settings, *, progress: bool) -> tuple[Path, str]:
        """Copy the file."""
        path = find_in_folder(self.folder, file)
        if path is None:
            raise SourceError("has no such file" if self.folder.is_dir() else "is not a folder here")
        try:
            size, blocks = path.stat().st_size, _file_blocks(path)
        except OSError as error:
            raise SourceError(f"cannot be read: {error}") from None
        return receive(blocks, file, settings.checkpoints, Verifier.of(settings), size=size, progress=progress)


def mirrors_of(settings: Settings) -> Iterator[Source]:
    """Yield the mirrors that the settings name, in order.

    Raises:
        ValueError: One has none of the known forms.
    """
    return (parse_mirror(text) for text in settings.mirrors)


def parse_mirror(text: str) -> Source:
    """Return the mirror that `text` names: `hf://org/repo@revision`, `file:///folder`, a folder, `https://host/folder/`.

    Raises:
        ValueError: It has none of these forms.
    """
    scheme, _, rest = text.partition("://")
    if scheme == "hf" and rest.partition("@")[0].count("/") == 1:
        repo, _, revision = rest.partition("@")
        return HubMirror(repo, revision or "main")
    if scheme in {"http", "https"} and rest:
        return HttpMirror(text)
    if scheme == "file" and rest.startswith("/"):
        return FolderMirror(text, Path(unquote(urlsplit(text).path)))
    if "://" not in text:
        return FolderMirror(text, Path(text).expanduser())
    raise ValueError(
        f"ZOO_MIRRORS names {text!r}: expected hf://organisation/repository, optionally with @revision, "
        f"file:///folder, the path of a folder, or https://host/folder/."
    )


def find_in_folder(folder: Path, file: WeightsFile) -> Path | None:
    """Return the file's path in a mirror's folder, if it is there."""
    return next((folder / path for path in file.paths_in_mirror if os.path.isfile(folder / path)), None)  # noqa: PTH113


def _file_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while block := source.read(1 << 20):
            yield block
