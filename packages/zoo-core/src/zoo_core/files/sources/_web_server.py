"""Files on a web server: a mirror's folder, or the URL that one file was published at."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from zoo_core.errors import AbsentError, ManifestError, SourceError
from zoo_core.files._settings import Settings
from zoo_core.files.manifests._format import MANIFEST_LIMIT, MANIFEST_NAME, Manifest
from zoo_core.files.manifests._history import check_not_older
from zoo_core.files.manifests._on_disk import manifest_label, remember_manifest
from zoo_core.files.store._resolved_file import ResolvedFile
from zoo_core.files.store._weights_file import WeightsFile
from zoo_core.files.transfer._credentials import basic_authorization, is_server, label_of, split_credentials
from zoo_core.files.transfer._download import download
from zoo_core.files.transfer._http import (
    ANSWER_TIMEOUT,
    DOCUMENT_TIMEOUT,
    TIMEOUT,
    Address,
    announced_size,
    ask_head,
    beginning,
    open_download,
)

from ._asked_once import asked_once
from ._mirror import Mirror, Seen


@dataclass(frozen=True, slots=True)
class HttpMirror(Mirror):
    """A folder on a web server: `https://user:password@host/folder/` where the server wants to know who asks."""

    url: str = field(repr=False)
    is_chosen: bool = True

    @property
    def label(self) -> str:
        """The URL, without the password."""
        return label_of(self.url)

    @property
    def remedy(self) -> str:
        """The server may not be reached, or the URL be wrong."""
        return "check its URL in ZOO_MIRRORS, the network, and the proxy variables (HTTPS_PROXY, NO_PROXY)"

    def manifest(self, settings: Settings) -> Manifest:
        """Ask for the manifest, once a process, and remember it."""
        manifest = _manifest(self, settings.state)
        remember_manifest(settings, self.label, manifest)
        return manifest

    def fetch_form(self, form: WeightsFile, settings: Settings, *, progress: bool) -> ResolvedFile:
        """Download the file from its entry's folder, else from the top."""
        nested, flat = map(self.address, form.paths_in_mirror)
        try:
            found = download(nested, form, settings, progress=progress)
        except AbsentError:
            found = download(flat, form, settings, progress=progress)
        return replace(found, source=self.label)

    def see(self, path: str) -> Seen | None:
        """Ask for the file's head."""
        try:
            headers = ask_head(self.address(path), timeout=TIMEOUT).headers
        except AbsentError:
            return None
        return None if headers.get_content_type() == "text/html" else Seen(announced_size(headers))

    def hash(self, path: str, at_most: int) -> Seen:
        """Download the file, keeping nothing."""
        with open_download(self.address(path)) as answer:
            return Seen.of(answer.blocks, at_most)

    def check_usable(self) -> None:
        """Ask for the head of the folder."""
        try:
            ask_head(self.address(), timeout=ANSWER_TIMEOUT)
        except SourceError as error:
            # Folders need not be listable: that is an answer, too. Who is not let in is told.
            if error.status not in range(400, 500) or error.status == 401:
                raise

    def address(self, path: str = "") -> Address:
        """Return where a file in the mirror is."""
        url, headers = self._asked()
        return Address(f"{url.rstrip('/')}/{quote(path)}", headers=headers)

    def _asked(self) -> tuple[str, dict[str, str]]:
        """Return the URL as it is asked, and the header with the password, if there is one."""
        url, credentials = split_credentials(self.url)
        if not is_server(url):
            raise SourceError(
                "is not a URL that can be asked: expected https://host/folder/, or https://user:password@host/folder/ "
                "where in the password %2F stands for a slash and %2C for a comma"
            )
        return url, basic_authorization(credentials)


@dataclass(frozen=True, slots=True)
class Upstream(HttpMirror):
    """The URL that a file was published at, where there is that file alone, and no manifest."""

    def manifest(self, settings: Settings) -> Manifest:
        """Return that there is none."""
        del settings
        return Manifest()

    manifest_here = manifest

    @property
    def remedy(self) -> str:
        """It is nobody's choice."""
        return "check the network and the proxy variables (HTTPS_PROXY, NO_PROXY), or name a mirror in ZOO_MIRRORS"

    def fetch_form(self, form: WeightsFile, settings: Settings, *, progress: bool) -> ResolvedFile:
        """Download the file."""
        return download(self.address(), form, settings, progress=progress)

    def address(self, path: str = "") -> Address:
        """Return the URL."""
        del path
        url, headers = self._asked()
        return Address(url, headers=headers)


@asked_once
def _manifest(mirror: HttpMirror, state: Path) -> Manifest:
    label = manifest_label(mirror.label)
    address = mirror.address(MANIFEST_NAME)
    try:
        with open_download(address, timeout=ANSWER_TIMEOUT, within=DOCUMENT_TIMEOUT) as answer:
            content = beginning(answer.blocks, MANIFEST_LIMIT + 1)
        manifest = Manifest.parse(content, label)
    except AbsentError:
        return Manifest(label=label)
    except ManifestError as error:
        raise SourceError(str(error)) from None
    check_not_older(state, mirror.label, content)
    return manifest
