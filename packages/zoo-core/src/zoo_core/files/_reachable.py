"""Whether the sources answer, for those who want to know before they need them."""

import urllib.request

from ._http import explained, user_agent
from ._hub import HubMirror
from ._receive import SourceError
from ._settings import Settings
from ._sources import FolderMirror, HttpMirror, mirrors_of

UPSTREAM = "https://download.pytorch.org/"
"""Where most files were published; only used to see whether it answers."""


def reachability(settings: Settings) -> dict[str, str | None]:
    """Ask every mirror, and upstream.

    Returns:
        For each source, why it cannot be used now, or `None` where it answers.
    """
    answers: dict[str, str | None] = {}
    for mirror in mirrors_of(settings):
        if isinstance(mirror, FolderMirror):
            answers[mirror.label] = None if mirror.folder.is_dir() else "is not a folder here"
        elif isinstance(mirror, HubMirror):
            answers[mirror.label] = "not asked: offline" if settings.offline else mirror.reason_to_pass_over()
        elif isinstance(mirror, HttpMirror):
            answers[mirror.label] = _ask(mirror.url, settings)
    return answers | {UPSTREAM: _ask(UPSTREAM, settings)}


def _ask(url: str, settings: Settings) -> str | None:
    if settings.offline:
        return "not asked: offline"
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": user_agent()})  # noqa: S310 # http(s) only
    try:
        with explained(), urllib.request.urlopen(request, timeout=5):  # noqa: S310
            return None
    except SourceError as error:
        return None if str(error).startswith("HTTP 4") else str(error)  # it answered: folders need not be listable
