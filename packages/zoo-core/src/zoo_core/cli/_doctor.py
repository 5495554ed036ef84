"""`zoo doctor`."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import click

from zoo_core._packages import built_in_packages, missing_packages, plug_ins
from zoo_core.errors import ManifestError
from zoo_core.files import Settings, leftovers, read_lock
from zoo_core.files.sources._named import mirrors_of
from zoo_core.files.sources._web_server import Upstream
from zoo_core.files.store._paths import is_folder

from ._common import counted, json_option, mebibytes, user_errors
from ._tables import print_hanging
from ._terminal import print_json, printable

_LIBRARIES = ("torch", "huggingface-hub", "safetensors", "pillow", "filelock", "lazy-loader")
_WIDEST = 30
"""Characters that the column of what was looked at has at most; names of mirrors are longer."""
_ENOUGH_SPACE = 2 * 2**30
_UPSTREAM = "https://download.pytorch.org/"
"""Where most files were published; only used to see whether it answers."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        what: What it is.
        found: What was found.
        remedy: What to do about it, if something is wrong; `None` when it is fine.
        harmless: Whether zoo works in spite of it.
    """

    what: str
    found: str
    remedy: str | None = None
    harmless: bool = False


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Check this machine: versions, caches, mirrors, and how to mend what is wrong.

    The exit status is 1 when something keeps zoo from working.
    """
    with user_errors():
        settings = Settings.from_environment()
        findings = [*_versions(), *_packages(), *_caches(settings), *_sources(settings)]
    if as_json:
        print_json([{name: getattr(finding, name) for name in Finding.__slots__} for finding in findings])
    else:
        width = min(max(len(printable(finding.what)) for finding in findings), _WIDEST)
        for finding in findings:
            mark = "ok" if finding.remedy is None else ("note" if finding.harmless else "BAD")
            print_hanging(f"{mark:<4}  {printable(finding.what):<{width}}  ", finding.found)
            if finding.remedy:
                print_hanging(f"{'':<4}  {'':<{width}}  ", f"→ {finding.remedy}")
    broken = [finding for finding in findings if finding.remedy and not finding.harmless]
    if broken:
        raise click.ClickException(f"{len(broken)} to mend: {', '.join(finding.what for finding in broken)}.")


def _versions() -> Iterator[Finding]:
    yield Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in _LIBRARIES:
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "not installed", f"pip install {name}")


def _packages() -> Iterator[Finding]:
    for package in (*built_in_packages(), *plug_ins()):
        spec = find_spec(package.module)
        place = f" in {Path(spec.origin).parent}" if spec and spec.origin else ""
        yield Finding(package.module, f"{counted(len(package.models), 'model')}{place}")
    for name in missing_packages():
        yield Finding(name, "not installed", f"pip install {name}, if you need its models", harmless=True)


def _caches(settings: Settings) -> Iterator[Finding]:
    for folder in settings.search_path:
        found = is_folder(folder)
        remedy = None if found else "create the folder, or take it out of ZOO_WEIGHTS_PATH"
        yield Finding("ZOO_WEIGHTS_PATH", f"{folder}{'' if found else ': not there'}", remedy, harmless=True)
    yield _writable("downloads", settings.checkpoints, "set TORCH_HOME to a folder that you can write to")
    yield _writable("Hub cache", settings.hub_cache, "set HF_HOME to a folder that you can write to")
    yield _writable("zoo's notes", settings.state, "set XDG_CACHE_HOME to a folder that you can write to")
    yield from _lock(settings)
    if settings.licenses:
        yield Finding("ZOO_LICENSES", f"only {', '.join(settings.licenses)} is loaded")
    try:
        left = list(leftovers(settings))
    except OSError as error:
        yield Finding("left over", f"cannot be seen: {error}", "see above", harmless=True)
    else:
        remedy = "look at them, then `zoo cache prune`" if left else None
        yield Finding("left over", f"{counted(len(left), 'quarantined or partial file')}", remedy, harmless=True)


def _lock(settings: Settings) -> Iterator[Finding]:
    if settings.lock is None:
        return
    try:
        pinned = read_lock(settings.lock)
    except ManifestError as error:
        yield Finding("lock file", str(error), "correct ZOO_LOCK, or unset it")
    else:
        entries = {path.partition("/")[0] for path in pinned.files}
        yield Finding("lock file", f"{settings.lock} pins {counted(len(entries), 'entry')}; nothing else is loaded")


def _writable(what: str, folder: Path, remedy: str) -> Finding:
    existing = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))  # noqa: PTH110 # pathlib's raises an error where it may not look
    as_who_we_are = os.access in os.supports_effective_ids
    if not (existing.is_dir() and os.access(existing, os.W_OK, effective_ids=as_who_we_are)):
        return Finding(what, f"{folder} cannot be written to", remedy)
    free = shutil.disk_usage(existing).free
    short = "make room: the larger models need gigabytes" if free < _ENOUGH_SPACE else None
    return Finding(what, f"{folder}, {mebibytes(free)} free", short, harmless=True)


def _sources(settings: Settings) -> Iterator[Finding]:
    try:
        mirrors = list(mirrors_of(settings))
    except ValueError as error:
        yield Finding("mirrors", str(error), "correct ZOO_MIRRORS")
        return
    if not mirrors:
        yield Finding("mirrors", _no_mirrors(settings))
    for source in (*mirrors, Upstream(_UPSTREAM)):
        reason = source.why_unusable(settings)
        is_fine = reason is None or (settings.offline and source.is_remote)
        yield Finding(source.label, reason or "answers", None if is_fine else source.remedy, harmless=True)


def _no_mirrors(settings: Settings) -> str:
    if settings.mirrors_are_chosen:
        return "none: ZOO_MIRRORS is empty"
    return "none: the project's own is not published yet; name yours in ZOO_MIRRORS"
