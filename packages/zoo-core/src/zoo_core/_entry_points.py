"""Entry points of installed packages, read straight from their metadata.

Importing `importlib.metadata` takes as long as everything else that listing the models needs.
"""

import os
import sys
from collections.abc import Iterator
from typing import NamedTuple


class EntryPoint(NamedTuple):
    """What a package states under its group: `name = value`, the value a module and perhaps `:attribute`."""

    value: str
    name: str

    @property
    def module(self) -> str:
        """The module."""
        return self.value.partition(":")[0].strip()


def entry_points(group: str) -> Iterator[EntryPoint]:
    """Yield the entry points of a group, of every package in the folders of `sys.path`.

    A folder `src` beside a `pyproject.toml` counts, too: a checkout on the path, of which nothing is installed, as with
    torch.hub. Packages inside archives, and those that other import systems provide, are not looked at.
    """
    for folder in dict.fromkeys(sys.path):
        try:
            names = sorted(name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info")))
        except OSError:  # an archive, or not there
            continue
        for name in names:
            yield from _read(os.path.join(folder, name, "entry_points.txt"), group)
        if os.path.basename(folder) == "src":
            table = f'project.entry-points."{group}"'
            yield from _read(os.path.join(os.path.dirname(folder), "pyproject.toml"), table)


def _read(path: str, group: str) -> Iterator[EntryPoint]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError):
        return
    if group not in text:
        return
    section = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif section == group and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield EntryPoint(value.partition("[")[0].strip(" \t\"'"), name.strip(" \t\"'"))
