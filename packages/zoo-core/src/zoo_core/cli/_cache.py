"""`zoo cache`."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import click

from zoo_core._choose import list_weights
from zoo_core.errors import WrongBytesError
from zoo_core.files import CachedFile, Settings, Stamp, Verifier, cached_files, files_of, quarantined, unfinished

from ._common import counted, json_option, mebibytes, settings_here, user_errors, weights_named
from ._completion import complete_names
from ._groups import Group
from ._tables import Table, print_table
from ._terminal import echo, note, print_json


@click.group("cache", cls=Group)
def command() -> None:
    """List, verify and prune the files of the caches."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A file that is here, with all the entries that use it."""

    path: Path
    entries: list[str]
    files: list[CachedFile]
    size: int
    stamp: Stamp | None

    @property
    def verified(self) -> str | None:
        """When it was hashed last, in UTC."""
        return datetime.fromtimestamp(self.stamp.verified, UTC).isoformat(" ", "seconds") if self.stamp else None


@command.command("ls")
@json_option
def list_files(as_json: bool) -> None:
    """List the weights that are on this machine: whose they are, where they came from, when they were verified."""
    settings = settings_here()
    with user_errors():
        held = list(_held(settings))
    if as_json:
        print_json(
            [
                {
                    "weights": file.entries,
                    "bytes": file.size,
                    "verified": file.verified,
                    "source": file.stamp and file.stamp.source,
                    "path": str(file.path),
                }
                for file in held
            ]
        )
        return
    if held:
        header = ("WEIGHTS", "SIZE (MiB)", "VERIFIED", "SOURCE", "PATH")
        print_table(Table(header, list(map(_row, held)), right=("SIZE (MiB)",)))
    folders = [*settings.search_path, settings.hub_cache, settings.checkpoints]
    size = mebibytes(sum(file.size for file in held))
    note(f"{counted(len(held), 'file')}, {size}, in {', '.join(map(str, folders))}")


@command.command("verify")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_names)
def verify(names: tuple[str, ...]) -> None:
    """Hash files again, in full: all that are here, or those of the models or weights entries named.

    Needs no network. Wrong files, and named ones that are not here, are reported, and the exit status is 1.
    """
    settings = settings_here()
    with user_errors():
        wanted = {str(member) for member in weights_named(names)}
        held = [file for file in _held(settings) if not wanted or wanted.intersection(file.entries)]
    absent = sorted(wanted.difference(*(file.entries for file in held)))
    bad = sum(not _verify(file, Verifier.of(settings)) for file in held)
    if bad:
        raise click.ClickException(
            f"{bad} of {len(held)} wrong. They are never loaded; `zoo cache prune --wrong` removes them."
        )
    note(f"{counted(len(held), 'file')} verified")
    if absent:
        raise click.ClickException(f"Not here: {', '.join(absent)}. `zoo download` fetches them.")


@command.command("prune")
@click.option("--partials", is_flag=True, help="What is left of downloads that were cut off.")
@click.option("--quarantine", is_flag=True, help="Files that came with wrong bytes.")
@click.option("--wrong", is_flag=True, help="Cached files whose bytes are wrong.")
@click.option("--name", "pattern", metavar="GLOB", help="Cached files of models, weights entries or files so named.")
@click.option(
    "--older-than", "days", type=click.FloatRange(min=0), metavar="DAYS", help="Cached files not used for so long."
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
def prune(
    partials: bool, quarantine: bool, wrong: bool, pattern: str | None, days: float | None, dry_run: bool
) -> None:
    """Remove files. Without options: --partials and --quarantine.

    --name and --older-than together remove what fulfils both. Folders of ZOO_WEIGHTS_PATH are never touched, nor what
    a running download is writing. Of a link out of the caches, only the link is removed.

    \b
    zoo cache prune --name "resnet*" --older-than 30
    """
    if pattern == "":
        raise click.BadParameter("expected a pattern, found nothing; for all files, write '*'.", param_hint="--name")
    settings = settings_here()
    by_default = not (partials or quarantine or wrong or pattern is not None or days is not None)
    chosen = list(unfinished(settings)) if partials or by_default else []
    chosen += quarantined(settings) if quarantine or by_default else []
    with user_errors():
        chosen += _chosen(settings, wrong=wrong, pattern=pattern, days=days)
    freed, failures = _remove(chosen, dry_run=dry_run)
    what_is_done = "would be removed" if dry_run else "removed"
    note(f"{counted(len(chosen) - failures, 'file')}, {mebibytes(freed)} {what_is_done}")
    if failures:
        raise click.ClickException(f"{counted(failures, 'file')} could not be removed: somebody else's?")


def _held(settings: Settings) -> Iterator[_Held]:
    """Yield every file of a weights entry that is here, once."""
    by_path: dict[Path, list[CachedFile]] = {}
    for cached in cached_files((member.file for member in list_weights()), settings):
        by_path.setdefault(cached.path.absolute(), []).append(cached)
    stamps = Verifier.of(settings).stamps
    for path, files in by_path.items():
        with contextlib.suppress(OSError):  # gone meanwhile
            entries = sorted({cached.file.entry for cached in files})
            yield _Held(path, entries, files, path.stat().st_size, stamps.find(path))


def _row(file: _Held) -> tuple[str, str, str, str, str]:
    source = (file.stamp and file.stamp.source) or "found here"
    return ", ".join(file.entries), f"{file.size / 2**20:.1f}", file.verified or "not yet", source, str(file.path)


def _verify(file: _Held, verifier: Verifier) -> bool:
    """Hash a file in full, tell the result, and return whether it is right."""
    try:
        sha256 = verifier.stamps.renew(file.path)
        for cached in file.files:
            verifier.check(sha256, cached.file, file.path)
    except OSError as error:
        echo(f"WRONG  {error}")
        return False
    echo(f"ok     {file.path}  {sha256}")
    return True


def _chosen(settings: Settings, *, wrong: bool, pattern: str | None, days: float | None) -> Iterator[Path]:
    """Yield the cached files that are asked for."""
    verifier = Verifier.of(settings)
    by_choice = pattern is not None or days is not None
    models = {str(member) for member in list_weights(include=pattern)} if pattern is not None else set()
    for file in _held(settings):
        names = [*file.entries, file.path.name]
        is_named = not models.isdisjoint(file.entries) or any(fnmatchcase(name, pattern or "") for name in names)
        fits = by_choice and (pattern is None or is_named)
        fits = fits and (days is None or _days_unused(file, verifier) > days)
        if file.files[0].removable and (fits or (wrong and _is_wrong(file, verifier))):
            yield file.path


def _is_wrong(file: _Held, verifier: Verifier) -> bool:
    try:
        for cached in file.files:
            verifier.verify(file.path, cached.file)
    except OSError as error:
        return isinstance(error, WrongBytesError)
    return False


def _days_unused(file: _Held, verifier: Verifier) -> float:
    """Return for how many days a file was not resolved, read or written, as far as zoo and the file system know."""
    status = file.path.stat()
    last = max(status.st_atime, status.st_mtime, verifier.stamps.last_use(file.path) or 0.0)
    return (time.time() - last) / 86_400


def _remove(paths: Iterable[Path], *, dry_run: bool) -> tuple[int, int]:
    """Delete files; return the bytes that are free again, and how many files could not be deleted."""
    freed = failures = 0
    for path in paths:
        try:
            files = files_of(path)
            size = sum(file.lstat().st_size for file in files if file.is_file() and not file.is_symlink())
            for file in [] if dry_run else files:
                file.unlink(missing_ok=True)
        except OSError as error:
            failures += 1
            note(f"{path}: {error}")
        else:
            freed += size
            echo(path)
    return freed, failures
