"""The places that files come from: a folder, a web server, a Hugging Face Hub repository, an installed package."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from zoo_core.errors import ManifestError

from . import _download
from ._http import Address, beginning, open_download
from ._hub import ANSWER_TIMEOUT, HubMirror
from ._links import is_file, is_folder
from ._local import Verifier
from ._manifest import MANIFEST_LIMIT, MANIFEST_NAME, Manifest
from ._manifests import manifest_label, manifest_of_folder, remember_manifest, remembered_manifest
from ._mirror import Fetched, Mirror
from ._once import asked_once
from ._receive import SourceError, receive
from ._settings import Settings
from ._weights_file import WeightsFile


class Source(Protocol):
    """Somewhere a file can be fetched from."""

    @property
    def label(self) -> str:
        """What users call the source."""
        ...

    def fetch(self, file: WeightsFile, settings: Settings, *, progress: bool) -> Fetched:
        """Bring the file here, verified.

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

    def fetch(self, file: WeightsFile, settings: Settings, *, progress: bool) -> Fetched:
        """Download the file."""
        return Fetched(*download(Address(self.url), file, settings, progress=progress), file)


@dataclass(frozen=True, slots=True)
class HttpMirror(Mirror):
    """A folder on a web server.

    Args:
        url: Of the folder; `https://user:password@host/folder/` where the server wants to know who asks.
        is_chosen: Whether the user named it; else it is the default.
    """

    url: str
    is_chosen: bool = True

    @property
    def label(self) -> str:
        """The folder's URL, without the password."""
        return _split_credentials(self.url)[0]

    @property
    def is_trusted(self) -> bool:
        """Whether its manifest counts."""
        return self.is_chosen

    def manifest(self, settings: Settings) -> Manifest:
        """Ask for the manifest, once a process, and remember it."""
        manifest = _http_manifest(self)
        remember_manifest(settings, self.label, manifest)
        return manifest

    def manifest_here(self, settings: Settings) -> Manifest:
        """Return the manifest as last seen."""
        return remembered_manifest(settings, self.label)

    def fetch_form(self, form: WeightsFile, settings: Settings, *, progress: bool) -> tuple[Path, str]:
        """Download the file from its entry's folder, else from the top."""
        nested, flat = map(self.address, form.paths_in_mirror)
        try:
            return download(nested, form, settings, progress=progress)
        except SourceError as error:
            if not error.says_absent:
                raise
        return download(flat, form, settings, progress=progress)

    def address(self, path: str = "") -> Address:
        """Return where a file in the mirror is."""
        url, credentials = _split_credentials(self.url)
        encoded = base64.b64encode(unquote(credentials).encode()).decode()
        headers = {"Authorization": f"Basic {encoded}"} if credentials else {}
        return Address(f"{url.rstrip('/')}/{quote(path)}", headers=headers)


@dataclass(frozen=True, slots=True)
class FolderMirror(Mirror):
    """A folder, on this machine or a shared disk; files are copied from it."""

    text: str
    folder: Path
    is_chosen: bool = True

    @property
    def label(self) -> str:
        """The folder as written in `ZOO_MIRRORS`."""
        return self.text

    @property
    def is_trusted(self) -> bool:
        """Whether its manifest counts."""
        return self.is_chosen

    def manifest(self, settings: Settings) -> Manifest:
        """Read the manifest, and remember it."""
        manifest = manifest_of_folder(self.folder, manifest_label(self.label))
        remember_manifest(settings, self.label, manifest)
        return manifest

    def manifest_here(self, settings: Settings) -> Manifest:
        """Return the manifest as last seen: the folder may be on a disk that is not there now."""
        return remembered_manifest(settings, self.label)

    def fetch_form(self, form: WeightsFile, settings: Settings, *, progress: bool) -> tuple[Path, str]:
        """Copy the file."""
        path = find_in_folder(self.folder, form)
        if path is None:
            raise SourceError("has no such file" if is_folder(self.folder) else "is not a folder here")
        return copy_here(path, form, settings, progress=progress, source=self.label)


def mirrors_of(settings: Settings) -> Iterator[Mirror]:
    """Yield the mirrors that the settings name, in order.

    Raises:
        ValueError: One has none of the known forms.
    """
    return (parse_mirror(text, is_chosen=settings.mirrors_are_chosen) for text in settings.mirrors)


def download_folders(settings: Settings) -> list[Path]:
    """Return the folders that downloads of these settings go to: torch.hub's, and those of Hub repositories."""
    try:
        hubs = [
            mirror.folder_in(settings.hub_cache) for mirror in mirrors_of(settings) if isinstance(mirror, HubMirror)
        ]
    except ValueError:  # a mirror of no known form: whoever fetches is told
        hubs = []
    return [settings.checkpoints, *hubs]


def parse_mirror(text: str, *, is_chosen: bool = True) -> Mirror:
    """Return the mirror that `text` names: `hf://org/repo@revision`, `file:///folder`, a folder, `https://host/folder/`.

    Args:
        text: The mirror.
        is_chosen: Whether the user named it; else it is the default.

    Raises:
        ValueError: It has none of these forms.
    """
    scheme, _, rest = text.partition("://")
    if scheme == "hf" and rest.partition("@")[0].count("/") == 1:
        repo, _, revision = rest.partition("@")
        return HubMirror(repo, revision or "main", is_chosen)
    if scheme in {"http", "https"} and rest:
        return HttpMirror(text, is_chosen)
    if scheme == "file" and rest.startswith("/"):
        return FolderMirror(text, Path(unquote(urlsplit(text).path)), is_chosen)
    if "://" not in text:
        return FolderMirror(text, Path(text).expanduser(), is_chosen)
    raise ValueError(
        f"ZOO_MIRRORS names {text!r}: expected hf://organisation/repository, optionally with @revision, "
        f"file:///folder, the path of a folder, or https://host/folder/; several are separated by commas."
    )


def _split_credentials(url: str) -> tuple[str, str]:
    """Return a URL without `user:password@`, and that, still quoted."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    credentials, _, host = authority.rpartition("@")
    return f"{scheme}://{host}{slash}{path}", credentials


def download(address: Address, file: WeightsFile, settings: Settings, *, progress: bool) -> tuple[Path, str]:
    """Download a file into the checkpoints' folder, verified.

    Raises:
        SourceError: It cannot be had from there.
    """
    if not address.url.lower().startswith(("http://", "https://")):
        raise SourceError("is not a URL that can be downloaded (expected https://…)")
    return _download.download(address, file, settings.checkpoints, Verifier.of(settings), progress=progress)


@asked_once
def _http_manifest(mirror: HttpMirror) -> Manifest:
    label = manifest_label(mirror.label)
    try:
        with open_download(mirror.address(MANIFEST_NAME), timeout=ANSWER_TIMEOUT) as answer:
            return Manifest.parse(beginning(answer.blocks, MANIFEST_LIMIT + 1), label)
    except SourceError as error:
        if error.says_absent:
            return Manifest(label=label)
        raise
    except ManifestError as error:
        raise SourceError(str(error)) from None


def copy_here(path: Path, file: WeightsFile, settings: Settings, *, progress: bool, source: str) -> tuple[Path, str]:
    """Copy a file that is on this machine into the checkpoints' folder, verified.

    Returns:
        The copy, and its SHA-256.

    Raises:
        SourceError: It cannot be read, or is wrong.
        OSError: It cannot be written.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"cannot be read: {error}") from None
    folder, verifier = settings.checkpoints, Verifier.of(settings)
    return receive(_file_blocks(path), file, folder, verifier, size=size, progress=progress, source=source)


def find_in_folder(folder: Path, file: WeightsFile) -> Path | None:
    """Return the file's path in a mirror's folder, if it is there."""
    return next((folder / path for path in file.paths_in_mirror if is_file(folder / path)), None)


def _file_blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as source:
            while block := source.read(1 << 20):
                yield block
    except OSError as error:  # of this file, not of the folder that it is copied to
        raise SourceError(f"cannot be read: {error}") from None
