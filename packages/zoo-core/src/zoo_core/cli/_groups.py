"""Groups of commands that suggest the closest name, and whose help fits narrow terminals without being cut."""

from collections.abc import Iterable
from typing import Any

import click

from zoo_core.names import closest

from ._terminal import columns

_LEAST_OF_CLICK = 52
"""Columns below which click would write help for more columns than there are."""


class Group(click.Group):
    """A group of commands."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Let help fit the terminal, for the commands inside, too."""
        width = columns()
        if parent is None and width is not None and width < _LEAST_OF_CLICK:
            extra.setdefault("terminal_width", width)
        return super().make_context(info_name, args, parent, **extra)

    def names(self, ctx: click.Context) -> Iterable[str]:
        """Return the names that may be meant by one that is mistyped."""
        return self.list_commands(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the closest command when there is none of that name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if args[0].startswith("-"):
                raise
            hint = closest(args[0], set(self.names(ctx)) - {args[0]})  # which is there if it is broken
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx=ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with the whole first sentence of its help."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        lines = [(name, command.get_short_help_str(limit=1000)) for name, command in commands if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(lines)
