"""`zoo cache`."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from zoo_core._choose import list_weights
from zoo_core.errors import WrongBytesError
from zoo_core.files import CachedFile, Settings, Verifier, cached_files, leftovers

from ._common import json_option, mebibytes, note, print_json, print_table


@click.group("cache")
def command() -> None:
    """List, verify and prune the files of the caches."""


@command.command("ls")
@json_option
def list_files(as_json: bool) -> None:
    """List the weights that are on this machine, and the folders that were searched."""
    settings = Settings.from_environment()
    stamps = Verifier.of(settings).stamps
    rows: list[dict[str, Any]] = [
        {
            "weights": cached.file.entry,
            "bytes": cached.path.stat().st_size,
            "verified": stamps.read(cached.path.absolute()) is not None,
            "path": str(cached.path),
        }
        for cached in _cached(settings)
    ]
    if as_json:
        print_json(rows)
        return
    if rows:
        print_table(
            ("WEIGHTS", "SIZE", "VERIFIED", "PATH"),
            [(r["weights"], mebibytes(r["bytes"]), "yes" if r["verified"] else "not yet", r["path"]) for r in rows],
            right=("SIZE",),
        )
    total = sum(row["bytes"] for row in rows)
    folders = [*settings.search_path, settings.hub_cache, settings.checkpoints]
    note(f"{len(rows)} files, {mebibytes(total)}, in {', '.join(map(str, folders))}")


@command.command("verify")
def verify() -> None:
    """Hash every file again, in full; what is wrong is reported, and the exit status is 1."""
    verifier = Verifier.of(Settings.from_environment())
    wrong = 0
    for cached in _cached(Settings.from_environment()):
        verifier.stamps.forget(cached.path.absolute())
        try:
            sha256 = verifier.verify(cached.path, cached.file)
            click.echo(f"ok     {cached.path}  {sha256}")
        except WrongBytesError as error:
            wrong += 1
            click.echo(f"WRONG  {error}")
    if wrong:
        raise click.ClickException(f"{wrong} wrong. They are never loaded; `zoo cache prune --wrong` removes them.")


@command.command("prune")
@click.option("--wrong", is_flag=True, help="Also remove files whose bytes are wrong.")
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Also remove weights not used for so long.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
def prune(wrong: bool, days: float | None, dry_run: bool) -> None:
    """Remove quarantined files and the remains of downloads that were cut off.

    Folders of ZOO_WEIGHTS_PATH are never touched.
    """
    settings = Settings.from_environment()
    chosen = list(leftovers(settings)) + [
        cached.path
        for cached in _cached(settings)
        if cached.removable
        and ((wrong and _is_wrong(cached, settings)) or (days is not None and _age(cached.path) > days))
    ]
    freed = _remove(chosen, dry_run=dry_run)
    note(f"{len(chosen)} files, {mebibytes(freed)}{' would be' if dry_run else ''} removed")


def _cached(settings: Settings) -> list[CachedFile]:
    return list(cached_files((member.file for member in list_weights()), settings))


def _is_wrong(cached: CachedFile, settings: Settings) -> bool:
    try:
        Verifier.of(settings).verify(cached.path, cached.file)
    except WrongBytesError:
        return True
    return False


def _age(path: Path) -> float:
    """Return how many days ago a file was last read or written, as far as the file system tells."""
    status = path.stat()
    return (time.time() - max(status.st_atime, status.st_mtime)) / 86_400


def _remove(paths: Iterable[Path], *, dry_run: bool) -> int:
    freed = 0
    for path in paths:
        target = path.resolve()
        freed += target.stat().st_size
        click.echo(path)
        if not dry_run:
            target.unlink()
            path.unlink(missing_ok=True)  # where it was a link
    return freed
