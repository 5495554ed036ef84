"""`zoo download`."""

from dataclasses import replace
from pathlib import Path

import click

from zoo_core._choose import list_weights
from zoo_core._weights import WeightsEnum
from zoo_core.errors import SourceError
from zoo_core.files import ResolvedFile, Settings, find_local, resolve
from zoo_core.files._local import local_copies
from zoo_core.files.sources._folder import copy_here
from zoo_core.saved import HubName, SavedWeights, parse_name, refuse_model_files
from zoo_core.saved._copies import copy_saved, fetch_all

from ._common import (
    counted,
    mebibytes,
    published_size,
    quiet_option,
    settings_here,
    sum_of_sizes,
    user_errors,
    weights_named,
)
from ._completion import complete_names, complete_tasks
from ._terminal import echo, note, tell


@click.command("download")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_names)
@click.option("--all", "everything", is_flag=True, help="All weights entries, or those of --task.")
@click.option("--task", help="With --all: only the entries for this task.", shell_complete=complete_tasks)
@click.option("--cache-dir", type=click.Path(file_okay=False, path_type=Path), help="Keep downloads here.")
@click.option("--revision", help="A branch, tag or commit, of mirrors and models on a Hugging Face Hub.")
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

    A NAME is a model (its default weights), or a weights entry. Files that are here already are only verified. Of a
    model that was saved and published, all files are fetched; --cache-dir gets them as a folder, which is a model's
    name by itself: --model DIR/organisation/name.

    \b
    zoo download resnet50 ResNet18_Weights.IMAGENET1K_V1
    zoo download hf-hub:organisation/name@v2
    """
    with user_errors():
        if bool(names) == everything:
            raise ValueError("Give the NAME of a model or weights entry, or --all.")
        if task and not everything:
            raise ValueError("--task goes with --all.")
        if revision is not None:
            names = tuple(_pinned(name, revision) for name in names)
        members = list_weights(task=task) if everything else weights_named(names)
        members = list(dict.fromkeys(members))
        refuse_model_files(members, "there is nothing to fetch; copy these files as they are")
        settings = _settings(cache_dir, revision)
        if revision is not None and not _has_revisions(members, settings):
            raise ValueError(
                "--revision is of Hugging Face Hub mirrors and models (hf://…, hf-hub:…), and there are none here: "
                "`zoo doctor` shows the mirrors."
            )
        if dry_run:
            _print_plan(members, settings)
            return
        failures = [
            member
            for member in members
            if not _download(member, settings, quiet=quiet, into_folder=cache_dir is not None)
        ]
    if failures:
        raise click.ClickException(f"{len(failures)} of {counted(len(members), 'file')} could not be fetched.")


def _pinned(name: str, revision: str) -> str:
    """Return the name of a model on a Hub with the revision that is asked for; other names as they are."""
    found = parse_name(name)
    if not isinstance(found, HubName):
        return name
    if "@" in name and found.revision != revision:
        raise ValueError(f"{name} names a revision, and --revision another one, {revision}: give one of them.")
    return replace(found, revision=revision).text


def _has_revisions(members: list[WeightsEnum], settings: Settings) -> bool:
    """Tell whether what is fetched can come from a Hub, which has revisions."""
    if any(mirror.startswith("hf://") for mirror in settings.mirrors):
        return True
    saved = (member.saved for member in members if isinstance(member, SavedWeights))
    return any(isinstance(parse_name(model.name), HubName) for model in saved)


def _print_plan(members: list[WeightsEnum], settings: Settings) -> None:
    """Print what would be fetched from where, and what is here, right or wrong."""
    here = {member for member in members if next(local_copies(member.file, settings, {}), None) is not None}
    for member in members:
        already = "  here already" if member in here else ""
        echo(f"{member}  {member.url}  {mebibytes(published_size(member))}{already}")
    missing = [member for member in members if member not in here]
    note(f"{counted(len(missing), 'file')} to fetch: {sum_of_sizes(missing)}")


def _settings(cache_dir: Path | None, revision: str | None) -> Settings:
    settings = settings_here()
    if cache_dir is not None:
        settings = replace(settings, checkpoints=cache_dir.absolute())
    if revision is not None:
        pinned = (f"{m.partition('@')[0]}@{revision}" if m.startswith("hf://") else m for m in settings.mirrors)
        settings = replace(settings, mirrors=tuple(pinned))
    return settings


def _download(member: WeightsEnum, settings: Settings, *, quiet: bool, into_folder: bool) -> bool:
    """Fetch one entry; tell whether it worked. A failure is reported at once, and the others go on."""
    try:
        if isinstance(member, SavedWeights):
            found = _saved(member, settings, quiet=quiet, into_folder=into_folder)
        else:
            found = resolve(member.file, settings=settings, progress=not quiet, original=True)
            if into_folder and not member.file.is_in_package:
                found = _copied(found, member, settings, quiet=quiet)
    except (OSError, SourceError) as error:
        tell(error)
        return False
    note(f"{member}: from {found.source}, verified ({found.verified}, SHA-256 {found.sha256[:16]}…)", quiet=quiet)
    echo(found.path)
    return True


def _saved(member: SavedWeights, settings: Settings, *, quiet: bool, into_folder: bool) -> ResolvedFile:
    """Return the weights of a saved model, of which all files are here; of a Hub's in a folder of its own if asked."""
    usual = settings_here()  # where a Hub's files are kept does not depend on the folder for downloads
    found = fetch_all(member.saved, usual, progress=not quiet)[member.file.name]
    if not into_folder or member.file.stays_in_place:
        return found
    folder = settings.checkpoints.joinpath(*member.file.folder.split("/")[1:])  # organisation/name
    return replace(found, path=copy_saved(member.saved, folder, usual, progress=False))


def _copied(found: ResolvedFile, member: WeightsEnum, settings: Settings, *, quiet: bool) -> ResolvedFile:
    """Return the file in the folder for downloads; what was found elsewhere, as in the Hub's cache, is copied there."""
    if found.path.parent == settings.checkpoints:
        return found
    file = replace(member.file, twin=None)
    there = find_local(file, replace(settings, search_path=(), mirrors=()))
    if there is not None:
        return there
    copied = copy_here(found.path, file, settings, progress=not quiet, source=found.source)
    return replace(copied, verified=found.verified)
