"""`zoo bundle`."""

from dataclasses import replace
from pathlib import Path

import click

from zoo_core.bundles import create_bundle, load_bundle
from zoo_core.bundles._create import NO_BUNDLE
from zoo_core.files import Settings
from zoo_core.saved import refuse_model_files

from ._common import (
    counted,
    json_option,
    mebibytes,
    print_plan,
    quiet_option,
    settings_here,
    user_errors,
    weights_named,
)
from ._completion import complete_names
from ._groups import Group
from ._output_file import OutputFile
from ._terminal import echo, note, print_json


@click.group("bundle", cls=Group)
def command() -> None:
    """Carry weights in one file to machines that never see a network."""


@command.command("create")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_names)
@click.option("-o", "--output", required=True, type=OutputFile(), help="The archive.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be in it.")
@json_option
@quiet_option
def create(names: tuple[str, ...], output: Path, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Put the weights of each NAME, a model or a weights entry, into a tar archive with a manifest.

    Files that are not here are fetched, and all are verified. Printed are their SHA-256 digests. Of a saved model, the
    whole folder is in it: a model of a Hub, and a folder by its relative path.

    \b
    zoo bundle create resnet18 mobilenet_v3_small -o weights.tar
    """
    with user_errors():
        named = list(dict.fromkeys(weights_named(names)))
        refuse_model_files(named, NO_BUNDLE)
        members = [member for member in named if not member.file.is_in_package]
        for member in named:
            if member not in members:
                note(f"{member} is left out: it is part of its package", quiet=quiet)
        if dry_run:
            print_plan(members, as_json=as_json)
            return
        manifest = create_bundle(members, output, Settings.from_environment(), progress=not quiet)
    if as_json:
        print_json({path: fact.to_json() for path, fact in sorted(manifest.files.items())})
    else:
        for path, fact in sorted(manifest.files.items()):
            echo(f"{fact.sha256}  {path}")
    note(f"{output}: {counted(len(manifest.files), 'file')}, {mebibytes(output.stat().st_size)}", quiet=quiet)


@command.command("load")
@click.argument("bundle", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--cache-dir", type=click.Path(file_okay=False, path_type=Path), help="Put the files here.")
@click.option("--dry-run", is_flag=True, help="Only verify the bundle.")
@json_option
@quiet_option
def load(bundle: Path, cache_dir: Path | None, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Put the files of a bundle where weights are looked for; print the path of each.

    The whole bundle is verified before anything is written: against its own manifest, the catalogue, and the lock file
    in ZOO_LOCK if there is one. Saved models are found by the names that they had: those of a Hub go into the Hub's
    cache, and folders, by their relative paths, into the current folder or --cache-dir, unless something else is there.
    Where the catalogue knows only the first digits of a file's SHA-256, a lock file that
    came another way is what tells a bundle from one that was made to look like it.
    """
    settings = settings_here()
    if cache_dir is not None:
        settings = replace(settings, checkpoints=cache_dir.absolute())
    with user_errors():
        loaded = load_bundle(bundle, settings, dry_run=dry_run, progress=not quiet, folder=cache_dir or Path())
    if as_json:
        print_json([{"weights": file.entry, "path": str(file.path), "new": file.is_new} for file in loaded])
        return
    for file in loaded:
        note(f"{file.entry}: {'loaded' if file.is_new else 'here already'}", quiet=quiet or dry_run)
        echo(file.path)
