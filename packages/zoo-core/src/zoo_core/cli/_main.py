"""The group of commands; each is imported when it is called."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from ._groups import Group
from ._terminal import cannot_print, encode_everything, escaped_messages, log_formatter, tell

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_COMMANDS = {
    "list": "List models, or weights entries with their metrics.",
    "info": "Tell all about a model or a weights entry.",
    "download": "Fetch weights into the cache, verified.",
    "predict": "Predict on images and folders of images.",
    "embed": "Turn images into vectors: features before the classifier.",
    "cache": "List, verify and prune the files of the caches.",
    "mirror": "Fill a mirror with weights, in a folder or on a Hub, and verify one.",
    "push": "Publish a model of one's own on a Hub.",
    "bundle": "Carry weights in one file to machines that never see a network.",
    "lock": "Pin the full digests of weights in a file.",
    "doctor": "Check this machine: versions, caches, mirrors, and how to mend what is wrong.",
}


_WITHOUT_LOG = frozenset({"list", "info"})
"""The commands that do nothing worth a line in the log, and are spared the import of `logging`."""


class _LazyGroup(Group):
    """A group whose help needs no command's code. Packages bring more commands, and replace none."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # click's signature
        encode_everything()
        try:
            return super().main(*args, **kwargs)
        except OSError as error:  # of help texts that are printed; all else goes through `user_errors`
            if not kwargs.get("standalone_mode", True):
                raise
            tell(cannot_print(error), "Error")
            sys.exit(1)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with escaped_messages():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with escaped_messages():
            return super().invoke(ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Offer the commands without importing any."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        from click.shell_completion import CompletionItem

        from ._plug_ins import listed_commands

        listed = _COMMANDS | listed_commands(_COMMANDS)
        return [CompletionItem(name, help=text) for name, text in listed.items() if name.startswith(incomplete)]

    def list_commands(self, ctx: click.Context) -> list[str]:  # click's signature
        return [*_COMMANDS, *sorted(_names() - set(_COMMANDS))]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            from ._plug_ins import load_command

            return load_command(name)
        command: click.Command = import_module(f"zoo_core.cli._{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            from ._plug_ins import listed_commands

            formatter.write_dl(list((_COMMANDS | listed_commands(_COMMANDS)).items()))

    def names(self, ctx: click.Context) -> set[str]:
        """Return all names, those of broken commands, too."""
        return _names()


def _names() -> set[str]:
    from ._plug_ins import plug_in_commands

    return {*_COMMANDS, *plug_in_commands()}


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="zoo-core", prog_name="zoo")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Pretrained vision models for PyTorch: find them, fetch their weights, predict with them."""
    if ctx.invoked_subcommand in _WITHOUT_LOG:
        return
    import logging
    import warnings

    warnings.filterwarnings("ignore", "Failed to initialize NumPy")  # torch would like it; nothing here needs it
    handler = logging.StreamHandler()
    handler.setFormatter(log_formatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("zoo").setLevel(logging.INFO)
