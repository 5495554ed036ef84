"""`zoo lock`."""

from pathlib import Path

import click

from zoo_core.files import Settings, learn_digests
from zoo_core.files.store._paths import replace_file
from zoo_core.saved import refuse_model_files

from ._common import counted, quiet_option, user_errors, weights_named
from ._completion import complete_names
from ._output_file import OutputFile
from ._terminal import note, print_text


@click.command("lock")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_names)
@click.option("-o", "--output", type=OutputFile(), help="The lock file; else it is printed.")
@quiet_option
def command(names: tuple[str, ...], output: Path | None, quiet: bool) -> None:
    """Write the full SHA-256 digests of the weights of each NAME, a model or a weights entry, into a file.

    With ZOO_LOCK=FILE in the environment, exactly these files are loaded: another file of the same name is an error,
    and so is an entry that is not in the lock file. Files are fetched only where neither the catalogue nor a mirror of
    yours knows their full digest. Of a saved model, the config.json is pinned, too, for its name as it is given here.

    \b
    zoo lock resnet18 mobilenet_v3_small -o zoo.lock
    """
    with user_errors():
        members = dict.fromkeys(weights_named(names))
        refuse_model_files(members, "a lock file pins weights; `zoo info` tells the SHA-256 of this")
        files = (file for member in members for file in member.files)
        lock = learn_digests(files, Settings.from_environment(), progress=not quiet)
        if output is None:
            print_text(lock.to_json().decode().rstrip("\n"))
            return
        replace_file(output, lock.to_json())
    note(f"{output}: {counted(len(members), 'entry')}; use it with ZOO_LOCK={output}", quiet=quiet)
