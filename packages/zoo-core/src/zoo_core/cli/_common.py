"""What several commands share: options, errors, and the names that users type."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from zoo_core._registry import get_model_weights, get_weight, is_saved_name

from ._terminal import echo, message, note, print_json

if TYPE_CHECKING:
    from zoo_core._weights import WeightsEnum
    from zoo_core.files import Settings


def _be_quiet(_context: click.Context, _option: click.Parameter, quiet: bool) -> bool:
    """Keep what is only worth knowing out of the log, too."""
    if quiet:
        import logging

        logging.getLogger("zoo").setLevel(logging.WARNING)
    return quiet


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
quiet_option = click.option(
    "-q", "--quiet", is_flag=True, callback=_be_quiet, help="No progress, no notes: results, warnings and errors only."
)


def print_plan(members: "Sequence[WeightsEnum]", *, as_json: bool = False) -> None:
    """Print the published files of entries that a command would work on, and the sum of their sizes."""
    files = [member.file for member in members]
    if as_json:
        print_json([{"weights": file.entry, "file": file.name, "bytes": file.size} for file in files])
        return
    for file in files:
        echo(f"{file.entry}  {file.name}  {mebibytes(file.size)}")
    note(f"{counted(len(files), 'file')} to do: {sum_of_sizes(members)}")


def sum_of_sizes(members: "Sequence[WeightsEnum]") -> str:
    """Write how large the published files of entries are together."""
    sizes = [size for member in members if (size := published_size(member)) is not None]
    unknown = f", and {len(members) - len(sizes)} of unknown size" if len(sizes) < len(members) else ""
    return f"{mebibytes(sum(sizes))}{unknown}"


def published_size(member: "WeightsEnum") -> float | None:
    """Return the bytes of an entry's published file, rounded where its exact size is not known."""
    stated: float | None = member.meta.get("_file_size")
    return member.file.size or (None if stated is None else stated * 2**20)


def counted(count: int, what: str) -> str:
    """Write a number of things: `1 file`, `2 files`, `1,000 entries`."""
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{count:,} {what if count == 1 else plural}"


def millions(count: int | float | None) -> str:
    """Write a number of parameters as people do: `25.6 M`."""
    return "-" if count is None else f"{count / 1e6:.1f} M"


def mebibytes(count: int | float | None) -> str:
    """Write a number of bytes as people do: `97.8 MiB`."""
    return "-" if count is None else f"{count / 2**20:,.1f} MiB"


def metrics_text(metrics: Mapping[str, Mapping[str, float | None]]) -> str:
    """Write metrics in a line: `acc@1 80.858, acc@5 95.434 (ImageNet-1K)`."""
    return "; ".join(
        ", ".join(f"{name} {metric_value(value)}" for name, value in values.items()) + f" ({dataset})"
        for dataset, values in metrics.items()
    )


def metric_value(value: float | None) -> str:
    """Write a metric; one that has not been published is a dash."""
    return "-" if value is None or math.isnan(value) else str(round(value, 4))


def refuse_given(parameters: Iterable[str], reason: str) -> None:
    """Refuse options of the running command that somebody has given, for they would do nothing.

    Args:
        parameters: Their names in Python; those that have their defaults are not meant.
        reason: What follows the option's name, as in `--limit is for models that are evaluated`.

    Raises:
        ValueError: One of them was given.
    """
    context, names = click.get_current_context(), set(parameters)
    for option in context.command.params:
        given = option.name in names and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
        if given:
            raise ValueError(f"{max(option.opts, key=len)} {reason}.")


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn the errors that users can cause into a message and an exit status, without a traceback."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise click.UsageError(message(error)) from error
    except BrokenPipeError:  # as of `zoo list | head`: click ends quietly
        raise
    except (OSError, RuntimeError) as error:
        raise click.ClickException(message(error)) from error


def settings_here() -> "Settings":
    """Return the settings of the environment; one that cannot be understood is wrong usage."""
    from zoo_core.files import Settings

    with user_errors():
        return Settings.from_environment()


def weights_named(names: Iterable[str]) -> "list[WeightsEnum]":
    """Return the entries that users mean: `resnet50`, `ResNet50_Weights` (the default), `ResNet50_Weights.DEFAULT`."""
    return list(map(_weight_named, names))


def _weight_named(name: str) -> "WeightsEnum":
    if is_saved_name(name) or ("." not in name and not name.endswith("Weights")):
        return get_model_weights(name)["DEFAULT"]
    return get_weight(name if "." in name else f"{name}.DEFAULT")


def parse_shard(part: str) -> tuple[int, int]:
    """Understand `I/N`; `ValueError` if it is not."""
    number, _, count = part.partition("/")
    if not (number.isdecimal() and count.isdecimal()):
        raise ValueError(f"--shard is I/N, as in 1/4: found {part!r}.")
    return int(number), int(count)


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Understand each `NAME=VALUE` of `--set`, the value as TOML has it; a text needs no quotation marks.

    Raises:
        ValueError: One has another form.
    """
    import tomllib

    parsed: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, found {setting!r}.")
        try:
            parsed[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            parsed[name.strip()] = text
    return parsed
