"""Commands of `zoo` that other packages bring, by the entry-point group `zoo.commands`: `name = "module:command"`.

The listing shows the first line of that module's docstring, which is read from its file: neither the module nor its
package is imported before the command is called.
"""

import ast
import importlib.util
from collections.abc import Container
from pathlib import Path

import click

from zoo_core._entry_points import EntryPoint, entry_points
from zoo_core.names import load_reference

from ._terminal import echo

GROUP = "zoo.commands"


def plug_in_commands() -> dict[str, EntryPoint]:
    """Return the commands that packages bring, by name; where two have one name, the first on the path counts."""
    commands: dict[str, EntryPoint] = {}
    for point in entry_points(GROUP):
        commands.setdefault(point.name, point)
    return commands


def listed_commands(built_in: Container[str]) -> dict[str, str]:
    """Return the commands that packages bring, with a line for each; what has no file is named and left out."""
    listed = {}
    for name, point in sorted(plug_in_commands().items()):
        if name in built_in:
            continue
        try:
            docstring = ast.get_docstring(ast.parse(_source(point.module).read_text(encoding="utf-8"))) or ""
            listed[name] = docstring.partition("\n")[0] or point.value
        except Exception as error:  # noqa: BLE001 # whatever is in a stranger's file
            _tell(point, error)
    return listed


def load_command(name: str) -> click.Command | None:
    """Import a command; `None` where no package brings it, or, with a line on stderr, where it is broken."""
    point = plug_in_commands().get(name)
    if point is None:
        return None
    try:
        command = load_reference(point.value)
        if not isinstance(command, click.Command):
            raise TypeError(f"expected a click command, found {type(command).__name__}")
    except Exception as error:  # noqa: BLE001 # a stranger's code
        _tell(point, error)
        return None
    return command


def _source(module: str) -> Path:
    """Return the file of a module, without importing its package."""
    root, *inner = module.split(".")
    spec = importlib.util.find_spec(root)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {root!r}")
    if not spec.submodule_search_locations:
        return Path(str(spec.origin))
    path = Path(spec.submodule_search_locations[0], *inner)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _tell(point: EntryPoint, error: Exception) -> None:
    echo(
        f"The command {point.name!r} ({point.value}) is broken and was skipped: {type(error).__name__}: {error}",
        err=True,
    )
