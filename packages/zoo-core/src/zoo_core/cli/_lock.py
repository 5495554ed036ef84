"""`zoo lock`."""

from pathlib import Path

import click

from zoo_core.files import Settings, learn_digests
from zoo_core.files._partial import replace_text

from ._common import note, quiet_option, user_errors, weights_named


@click.command("lock")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The lock file; else it is printed."
)
@quiet_option
def command(names: tuple[str, ...], output: Path | None, quiet: bool) -> None:
    """Write the full SHA-256 digests of the weights of each NAME, a model or a weights entry, into a file.

    With ZOO_LOCK=FILE in the environment, exactly these files are loaded: another file of the same name is an error,
    and so is an entry that is not in the lock file. Files are fetched only where neither the catalogue nor a mirror of
    yours knows their full digest.

    \b
    zoo lock resnet18 mobilenet_v3_small -o zoo.lock
    """
    with user_errors():
        members = dict.fromkeys(weights_named(names))
        lock = learn_digests((member.file for member in members), Settings.from_environment(), progress=not quiet)
        content = lock.to_json().decode()
        if output is None:
            click.echo(content, nl=False)
            return
        replace_text(output, content)
    note(f"{output}: {len(members)} entries; use it with ZOO_LOCK={output}", quiet=quiet)
