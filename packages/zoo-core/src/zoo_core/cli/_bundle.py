"""`zoo bundle`."""

from dataclasses import replace
from pathlib import Path

import click

from zoo_core.bundles import create_bundle, load_bundle
from zoo_core.bundles._create import is_bundled
from zoo_core.files import Settings

from ._common import (
    json_option,
    mebibytes,
    note,
    print_json,
    print_plan,
    quiet_option,
    user_errors,
    weights_named,
)


@click.group("bundle")
def command() -> None:
    """Carry weights in one file to machines that never see a network."""


@command.command("create")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The archive.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be in it.")
@json_option
@quiet_option
def create(names: tuple[str, ...], output: Path, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Put the weights of each NAME, a model or a weights entry, into a tar archive with a manifest.

    Files that are not here are fetched, and all are verified. Printed are their SHA-256 digests.

    \b
    zoo bundle create resnet18 mobilenet_v3_small -o weights.tar
    """
    with user_errors():
        members = list(dict.fromkeys(weights_named(names)))
        for member in members:
            if not is_bundled(member):
                note(f"{member} is left out: it is part of its package", quiet=quiet)
        members = [member for member in members if is_bundled(member)]
        if dry_run:
            print_plan(members, as_json=as_json)
            return
        manifest = create_bundle(members, output, Settings.from_environment(), progress=not quiet)
    if as_json:
        print_json({path: fact.to_json() for path, fact in sorted(manifest.files.items())})
    else:
        for path, fact in sorted(manifest.files.items()):
            click.echo(f"{fact.sha256}  {path}")
    note(f"{output}: {len(manifest.files)} files, {mebibytes(output.stat().st_size)}", quiet=quiet)


@command.command("load")
@click.argument("bundle", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--cache-dir", type=click.Path(file_okay=False, path_type=Path), help="Put the files here.")
@click.option("--dry-run", is_flag=True, help="Only verify the bundle.")
@json_option
@quiet_option
def load(bundle: Path, cache_dir: Path | None, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Put the files of a bundle where weights are looked for; print the path of each.

    The whole bundle is verified before anything is written: against its own manifest, the catalogue, and the lock file
    in ZOO_LOCK if there is one. Where the catalogue knows only the first digits of a file's SHA-256, a lock file that
    came another way is what tells a bundle from one that was made to look like it.
    """
    settings = Settings.from_environment()
    if cache_dir is not None:
        settings = replace(settings, checkpoints=cache_dir.absolute())
    with user_errors():
        loaded = load_bundle(bundle, settings, dry_run=dry_run, progress=not quiet)
    if as_json:
        print_json([{"weights": file.entry, "path": str(file.path), "new": file.is_new} for file in loaded])
        return
    for file in loaded:
        note(f"{file.entry}: {'loaded' if file.is_new else 'here already'}", quiet=quiet or dry_run)
        click.echo(file.path)
