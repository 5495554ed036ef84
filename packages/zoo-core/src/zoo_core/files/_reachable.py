"""Whether the sources answer, for those who want to know before they need them."""

from ._http import Address, open_head
from ._hub import ANSWER_TIMEOUT, HubMirror
from ._links import is_folder
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
            answers[mirror.label] = None if is_folder(mirror.folder) else "is not a folder here"
        elif isinstance(mirror, HubMirror):
            answers[mirror.label] = "not asked: offline" if settings.offline else mirror.reason_to_pass_over()
        elif isinstance(mirror, HttpMirror):
            answers[mirror.label] = _ask(mirror.address(), settings)
    return answers | {UPSTREAM: _ask(Address(UPSTREAM), settings)}


def _ask(address: Address, settings: Settings) -> str | None:
    if settings.offline:
        return "not asked: offline"
    try:
        with open_head(address, timeout=ANSWER_TIMEOUT):
            return None
    except SourceError as error:
        # Folders need not be listable: that is an answer, too. Who is not let in is told.
        return None if error.status in range(400, 500) and error.status != 401 else str(error)
