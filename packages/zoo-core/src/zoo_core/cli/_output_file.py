"""The type of arguments that name a file to be written."""

from pathlib import Path
from typing import Any

import click


class OutputFile(click.Path):
    """A file to be written, in a folder that is there: this is looked at before anything is fetched or computed."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # as click has it
        """Return the path.

        Raises:
            click.BadParameter: It is a folder, or in none.
        """
        path = Path(str(super().convert(value, param, ctx)))
        if not path.absolute().parent.is_dir():
            self.fail(f"there is no folder {str(path.parent)!r}: create it first.", param, ctx)
        return path
