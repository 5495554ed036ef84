"""Turn programs written for torchvision into programs for zoo."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo_core.cli.plug_in import echo, json_option, note, print_json, print_source, quiet_option, user_errors

if TYPE_CHECKING:
    from zoo_torchvision.migrate import MigratedFile


@click.command("migrate")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--diff", "mode", flag_value="diff", default=True, help="Print the changes, and write nothing. [default]")
@click.option("--write", "mode", flag_value="write", help="Write the changed files.")
@json_option
@quiet_option
def command(paths: tuple[Path, ...], mode: str, as_json: bool, quiet: bool) -> None:
    """Turn programs written for torchvision into programs for zoo.

    PATH is a Python file, or a folder of them. What zoo has is imported from zoo; all else stays as it is, and is
    listed on stderr with the reason. Comments and layout stay.

    \b
    zoo migrate train.py
    zoo migrate src/ | git apply
    zoo migrate src/ --write
    """
    with user_errors():
        results = []
        for result in _migrated(paths, write=mode == "write"):
            results.append(result)
            if not as_json:
                _show(result, is_written=mode == "write")
        if as_json:
            print_json([_facts(result) for result in results])
        changed = sum(result.migration.is_changed for result in results)
        left = sum(len(result.migration.left) for result in results)
        verb = "changed" if mode == "write" else "would change"
        note(f"Files that {verb}: {changed}. Places that were left as they are: {left}.", quiet=quiet)
    if any(result.error for result in results):
        sys.exit(1)


def _migrated(paths: tuple[Path, ...], *, write: bool) -> "Iterator[MigratedFile]":
    try:
        from zoo_torchvision.migrate import migrate_files
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"Programs are read with libcst ({error}): pip install 'zoo-torchvision[migrate]'."
        ) from error
    return migrate_files(paths, write=write)


def _show(result: "MigratedFile", *, is_written: bool) -> None:
    if result.error:
        echo(f"{result.path}: {result.error}", err=True)
    if not is_written:
        print_source(result.diff())
    elif result.migration.is_changed:
        echo(result.path)
    for line, names, reason in result.migration.left:
        place = f"{result.path}:{line}" if line else result.path
        echo(f"{place}: {', '.join(names)}: {reason}", err=True)


def _facts(result: "MigratedFile") -> dict[str, object]:
    return {
        "file": str(result.path),
        "changed": result.migration.is_changed,
        "diff": result.diff(),
        "left": [
            {"line": line, "names": list(names), "reason": reason} for line, names, reason in result.migration.left
        ],
        "error": result.error or None,
    }
