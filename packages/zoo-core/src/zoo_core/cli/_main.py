"""The group of commands; each is imported when it is called."""

from importlib import import_module

import click

_COMMANDS = {
    "list": "List models, or weights entries with their metrics.",
    "info": "Tell all about a model or a weights entry.",
    "download": "Fetch weights into the cache, verified.",
    "predict": "Predict on images and folders of images.",
    "cache": "List, verify and prune the files of the caches.",
    "mirror": "Fill a mirror with weights, in a folder or on a Hub, and verify one.",
    "bundle": "Carry weights in one file to machines that never see a network.",
    "lock": "Pin the full digests of weights in a file.",
    "doctor": "Check this machine: versions, caches, mirrors, and how to mend what is wrong.",
}


_WITHOUT_LOG = frozenset({"list", "info"})
"""The commands that do nothing worth a line in the log, and are spared the import of `logging`."""


class _LazyGroup(click.Group):
    """A group whose help needs no command's code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"zoo_core.cli._{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the closest command when there is none of that name."""
        from zoo_core._names import closest

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = closest(args[0], _COMMANDS)
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx=ctx) from error


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="zoo-core", prog_name="zoo")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Pretrained vision models for PyTorch: find them, fetch their weights, predict with them."""
    if ctx.invoked_subcommand not in _WITHOUT_LOG:
        _configure_log()


def _configure_log() -> None:
    import logging
    import warnings

    warnings.filterwarnings("ignore", "Failed to initialize NumPy")  # torch would like it; nothing here needs it
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("zoo").setLevel(logging.INFO)
