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
from zoo_core.files._links import is_folder
from zoo_core.files._reachable import reachability

from ._common import json_option, mebibytes, print_json, user_errors

_LIBRARIES = ("torch", "huggingface-hub", "safetensors", "pillow", "filelock", "lazy-loader")
_ENOUGH_SPACE = 2 * 2**30


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
        for finding in findings:
            _print(finding)
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
        yield Finding(package.module, f"{len(package.models)} models{_location(package.module)}")
    for name in missing_packages():
        yield Finding(name, "not installed", f"pip install {name}, if you need its models", harmless=True)


def _location(module: str) -> str:
    spec = find_spec(module)
    return f" in {Path(spec.origin).parent}" if spec and spec.origin else ""


def _caches(settings: Settings) -> Iterator[Finding]:
    for folder in settings.search_path:
        found = is_folder(folder)
        remedy = None if found else "create the folder, or take it out of ZOO_WEIGHTS_PATH"
        yield Finding("ZOO_WEIGHTS_PATH", f"{folder}{'' if found else ': not there'}", remedy, harmless=True)
    yield _writable("downloads", settings.checkpoints, "set TORCH_HOME to a folder that you can write to")
    yield _writable("Hub cache", settings.hub_cache, "set HF_HOME to a folder that you can write to")
    yield _writable("zoo's notes", settings.state, "set XDG_CACHE_HOME to a folder that you can write to")
    yield from _lock(settings)
    try:
        left = list(leftovers(settings))
    except OSError as error:
        yield Finding("left over", f"cannot be seen: {error}", "see above", harmless=True)
    else:
        remedy = "look at them, then `zoo cache prune`" if left else None
        yield Finding("left over", f"{len(left)} quarantined or partial files", remedy, harmless=True)


def _lock(settings: Settings) -> Iterator[Finding]:
    if settings.lock is None:
        return
    try:
        pinned = read_lock(settings.lock)
    except ManifestError as error:
        yield Finding("lock file", str(error), "correct ZOO_LOCK, or unset it")
    else:
        entries = {path.partition("/")[0] for path in pinned.files}
        yield Finding("lock file", f"{settings.lock} pins {len(entries)} entries; nothing else is loaded")


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
        answers = reachability(settings)
    except ValueError as error:
        yield Finding("mirrors", str(error), "correct ZOO_MIRRORS")
        return
    for source, reason in answers.items():
        remedy = (
            None if reason is None or settings.offline else "check the network and the proxy variables, or ZOO_MIRRORS"
        )
        yield Finding(source, reason or "answers", remedy, harmless=True)


def _print(finding: Finding) -> None:
    mark = "ok" if finding.remedy is None else ("note" if finding.harmless else "BAD")
    click.echo(f"{mark:<4}  {finding.what:<18}  {finding.found}")
    if finding.remedy:
        click.echo(f"{'':<4}  {'':<18}  → {finding.remedy}")
