"""What several commands share: output, errors, and the names that users type."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from zoo_core._registry import get_model_weights, get_weight

if TYPE_CHECKING:
    from zoo_core._weights import WeightsEnum

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")


def print_json(data: object) -> None:
    """Print data as JSON; what is not a number there (an unpublished metric) becomes null."""
    click.echo(json.dumps(_without_nan(data), indent=2, ensure_ascii=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print rows in columns; the columns named in `right` are flush right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(header, line, widths, strict=True)
        )
        for line in (header, *cells)
    )
    click.echo("\n".join(map(str.rstrip, lines)))


def note(text: str, *, quiet: bool = False) -> None:
    """Print a line for people on stderr."""
    if not quiet:
        click.echo(text, err=True)


def print_plan(members: "Sequence[WeightsEnum]", *, as_json: bool = False) -> None:
    """Print the published files of entries that a command would work on."""
    files = [member.file for member in members]
    if as_json:
        print_json([{"weights": file.entry, "file": file.name, "bytes": file.size} for file in files])
        return
    for file in files:
        click.echo(f"{file.entry}  {file.name}  {mebibytes(file.size)}")
    total = sum(member.meta.get("_file_size", 0) for member in members) * 2**20
    note(f"{len(files)} entries to do, published files of {mebibytes(total)}")


def millions(count: int | float | None) -> str:
    """Write a number of parameters as people do: `25.6M`."""
    return "-" if count is None else f"{count / 1e6:.1f}M"


def mebibytes(count: int | float | None) -> str:
    """Write a number of bytes as people do: `97.8 MiB`."""
    return "-" if count is None else f"{count / 2**20:.1f} MiB"


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn the errors that users can cause into a message and an exit status, without a traceback."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise click.UsageError(str(error)) from error
    except BrokenPipeError:  # as of `zoo list | head`: click ends quietly
        raise
    except (OSError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error


def weights_named(names: Iterable[str]) -> "list[WeightsEnum]":
    """Return the entries that users mean: `resnet50`, `ResNet50_Weights` (their defaults), `ResNet50_Weights.DEFAULT`.

    Raises:
        ValueError: No model or entry has that name.
    """
    return [_weights_named(name) for name in names]


def _weights_named(name: str) -> "WeightsEnum":
    if "." in name:
        return get_weight(name)
    if name.endswith("Weights"):
        return get_weight(f"{name}.DEFAULT")
    member = get_model_weights(name).verify("DEFAULT")
    assert member is not None
    return member


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _without_nan(data: Any) -> Any:  # JSON
    if isinstance(data, float) and math.isnan(data):
        return None
    if isinstance(data, dict):
        return {key: _without_nan(value) for key, value in data.items()}
    return [_without_nan(value) for value in data] if isinstance(data, (list, tuple)) else data
