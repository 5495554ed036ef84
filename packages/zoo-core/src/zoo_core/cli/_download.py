"""`zoo download`."""

from dataclasses import replace
from pathlib import Path

import click

from zoo_core._choose import list_weights
from zoo_core._weights import WeightsEnum
from zoo_core.files import ResolvedFile, Settings, find_local, resolve
from zoo_core.files._receive import SourceError
from zoo_core.files._resolve import PACKAGE_SCHEME
from zoo_core.files._sources import copy_here

from ._common import mebibytes, note, quiet_option, user_errors, weights_named


@click.command("download")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All weights entries, or those of --task.")
@click.option("--task", help="With --all: only the entries for this task.")
@click.option("--cache-dir", type=click.Path(file_okay=False, path_type=Path), help="Keep downloads here.")
@click.option("--revision", help="A branch, tag or commit of the Hugging Face Hub mirrors.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be fetched.")
@quiet_option
def command(
    names: tuple[str, ...],
    everything: bool,
    task: str | None,
    cache_dir: Path | None,
    revision: str | None,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Fetch weights into the cache, verified; print the path of each file.

    A NAME is a model (its default weights), or a weights entry. Files that are here already are only verified.

    \b
    zoo download resnet50 ResNet18_Weights.IMAGENET1K_V1
    """
    with user_errors():
        if bool(names) == everything:
            raise ValueError("Give the NAME of a model or weights entry, or --all.")
        if task and not everything:
            raise ValueError("--task goes with --all.")
        members = list_weights(task=task) if everything else weights_named(names)
        settings = _settings(cache_dir, revision)
        failures = [
            member
            for member in dict.fromkeys(members)
            if not _download(member, settings, dry_run=dry_run, quiet=quiet, into_folder=cache_dir is not None)
        ]
    if failures:
        raise click.ClickException(f"{len(failures)} of {len(members)} could not be fetched.")


def _settings(cache_dir: Path | None, revision: str | None) -> Settings:
    settings = Settings.from_environment()
    if cache_dir is not None:
        settings = replace(settings, checkpoints=cache_dir.absolute())
    if revision is not None:
        pinned = (f"{m.partition('@')[0]}@{revision}" if m.startswith("hf://") else m for m in settings.mirrors)
        settings = replace(settings, mirrors=tuple(pinned))
    return settings


def _download(member: WeightsEnum, settings: Settings, *, dry_run: bool, quiet: bool, into_folder: bool) -> bool:
    """Fetch one entry; tell whether it worked. A failure is reported at once, and the others go on."""
    if dry_run:
        click.echo(f"{member}  {member.url}  {mebibytes(member.file.size)}")
        return True
    try:
        found = resolve(member.file, settings=settings, progress=not quiet, original=True)
        if into_folder and not member.url.startswith(PACKAGE_SCHEME):
            found = _copied(found, member, settings, quiet=quiet)
    except (OSError, SourceError) as error:
        note(str(error))
        return False
    note(f"{member}: from {found.source}, verified ({found.verified}, SHA-256 {found.sha256[:16]}…)", quiet=quiet)
    click.echo(found.path)
    return True


def _copied(found: ResolvedFile, member: WeightsEnum, settings: Settings, *, quiet: bool) -> ResolvedFile:
    """Return the file in the folder for downloads; what was found elsewhere, as in the Hub's cache, is copied there."""
    if found.path.parent == settings.checkpoints:
        return found
    file = replace(member.file, twin=None)
    there = find_local(file, replace(settings, search_path=(), mirrors=()))
    if there is not None:
        return there
    path, _ = copy_here(found.path, file, settings, progress=not quiet, source=found.source)
    return replace(found, path=path)
