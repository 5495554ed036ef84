"""The mirrors that `ZOO_MIRRORS` names."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from zoo_core.files._settings import Settings
from zoo_core.files.store._weights_file import HUB_SCHEME, WeightsFile
from zoo_core.files.transfer._credentials import may_have_credentials, without_credentials

from ._folder import FolderMirror
from ._hub import HubMirror, HubModel
from ._mirror import Mirror
from ._web_server import HttpMirror


def mirrors_of(settings: Settings) -> Iterator[Mirror]:
    """Yield the mirrors that the settings name, in order; a `ValueError` says that one has none of the known forms."""
    return (parse_mirror(text, is_chosen=settings.mirrors_are_chosen) for text in settings.mirrors)


def repository_of(file: WeightsFile) -> HubModel | None:
    """Return the Hub repository of a model of one's own that a file belongs to; `None` for any other file."""
    if not file.url.startswith(HUB_SCHEME):
        return None
    repo, _, revision = file.url.removeprefix(HUB_SCHEME).rpartition("/")[0].partition("@")
    return HubModel(repo, revision or "main")


def download_folders(settings: Settings) -> list[Path]:
    """Return the folders that downloads of these settings go to: torch.hub's, and those of Hub repositories."""
    try:
        folders = [mirror.download_folder(settings) for mirror in mirrors_of(settings)]
    except ValueError:  # a mirror of no known form: whoever fetches is told
        folders = []
    return list(dict.fromkeys([settings.checkpoints, *folders]))


def parse_mirror(text: str, *, is_chosen: bool = True) -> Mirror:
    """Return the mirror named: `hf://org/repo@revision`, `file:///folder`, a folder, `https://host/folder/`.

    Raises:
        ValueError: It has none of these forms.
    """
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    repo, _, revision = rest.partition("@")
    if scheme == "hf" and re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", repo):
        if re.fullmatch(r"[0-9a-fA-F]{40}", revision):  # a commit, however it is written
            revision = revision.lower()
        return HubMirror(repo, revision or "main", is_chosen)
    if scheme in {"http", "https"} and rest:
        return HttpMirror(f"{scheme}://{rest}", is_chosen)
    if scheme == "file" and rest.startswith("/"):
        return FolderMirror(text, Path(unquote(urlsplit(text).path)), is_chosen)
    if not separator and not may_have_credentials(text):
        return FolderMirror(text, Path(text).expanduser(), is_chosen)
    raise ValueError(
        f"ZOO_MIRRORS names {without_credentials(text)!r}: expected hf://organisation/repository, optionally with "
        f"@revision, file:///folder, the path of a folder, or https://host/folder/; several are separated by commas."
    )
