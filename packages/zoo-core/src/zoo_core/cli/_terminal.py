"""What is printed: names of files and answers of servers never command the terminal, nor look like lines of results."""

import json
import math
import os
import re
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import logging

_USUAL_COLUMNS = 80
_COMMANDING = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters: ESC, and what ends a line
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # ends of lines and of paragraphs, and what turns directions around
    "\ud800-\udfff]"  # halves of characters: bytes of names that are no UTF-8
)

_SPACE = re.compile("(\t|\r\n)")


def printable(text: object, *, lines: bool = False) -> str:
    r"""Return a text with its control characters as they are written in Python.

    Args:
        text: It, or what its `str` is.
        lines: Whether it may have several lines.

    Example:
        >>> from zoo_core.cli._terminal import printable
        >>> print(printable("a\x1b[2J\nb.png"))
        a\x1b[2J\nb.png
    """
    if lines:
        return "\n".join(map(printable, str(text).split("\n")))
    return _COMMANDING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), str(text))


def echo(text: object, *, err: bool = False) -> None:
    """Print a line, whatever is in it, and whatever the stream can encode."""
    _write(printable(text), err=err)


def columns() -> int | None:
    """Return how many characters a line of the terminal has; `None` where stdout is none."""
    stdout = sys.stdout
    if stdout is None or not stdout.isatty():  # it is None where the stream is closed
        return None
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated):
        return int(stated)
    try:
        return os.get_terminal_size(stdout.fileno()).columns or _USUAL_COLUMNS
    except OSError:
        return _USUAL_COLUMNS


def note(text: str, *, quiet: bool = False) -> None:
    """Print a line for people on stderr."""
    if not quiet:
        echo(text, err=True)


def terminal_line(text: str) -> None:
    """Write over the line that the terminal is at, on stderr; nothing clears it."""
    import shutil

    width = shutil.get_terminal_size().columns - 1
    with suppress(OSError):
        click.echo(f"\r\x1b[K{_encodable(printable(text)[:width], err=True)}", err=True, nl=False, color=True)


def tell(error: Exception, about: object = "") -> None:
    """Print an error on stderr, in the lines that it has."""
    _write(f"{printable(about)}: {message(error)}" if about else message(error), err=True)


def message(error: Exception) -> str:
    """Return what an error says. Only one of a class that says so, by `has_lines`, has several lines."""
    return printable(error, lines=getattr(type(error), "has_lines", False) is True)


def json_text(data: object) -> str:
    """Return data as JSON that every stream can encode and no terminal obeys."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    text = json.dumps(_without_nan(data), indent=2, ensure_ascii=not encoding.lower().startswith("utf"))
    # None of them is left outside of strings but the ends of lines.
    return "\n".join(_COMMANDING.sub(lambda found: f"\\u{ord(found[0]):04x}", line) for line in text.split("\n"))


def print_json(data: object) -> None:
    """Print data as JSON; what is not a number there (an unpublished metric) becomes null."""
    _write(json_text(data))


def print_text(text: str) -> None:
    """Print a text of several lines that zoo has made."""
    _write(printable(text, lines=True))


def print_source(text: str) -> None:
    """Print code: as it is for a program that reads it, and on a terminal so that nothing in it commands that."""
    if text:
        with _printing():
            click.echo(_encodable(text if columns() is None else _shown(text)), nl=False)


def _shown(text: str) -> str:
    """Return code with its control characters as they are written in Python, but for tabs and the ends of lines."""
    return "".join(part if part in {"\t", "\r\n"} else printable(part, lines=True) for part in _SPACE.split(text))


class JsonArray:
    """Prints an array while its items come, as `json_text` has it; whatever ends it, what was printed is JSON.

    Example:
        >>> from zoo_core.cli._terminal import JsonArray
        >>> with JsonArray() as array:
        ...     array.add("a")
        [
          "a"
        ]
    """

    def __init__(self) -> None:
        self._is_empty = True

    def __enter__(self) -> "JsonArray":
        return self

    def add(self, item: object) -> None:
        """Print an item."""
        text = f"{'[' if self._is_empty else ','}\n{textwrap.indent(json_text(item), '  ')}"
        with _printing():
            click.echo(_encodable(text), nl=False)
        self._is_empty = False

    def __exit__(self, *_: object) -> None:
        _write("[]" if self._is_empty else "\n]")


def encode_everything() -> None:
    """Let the standard streams take every character: what their encoding lacks is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


class _PrintingError(OSError):
    """The stdout takes no more."""


def cannot_print(error: OSError) -> OSError:
    """Return the error for a stdout that takes no more. What is in its buffer is dropped: it would fail once again."""
    if isinstance(error, _PrintingError):
        return error
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return _PrintingError(f"stdout cannot be written: {error.strerror or error}")


@contextmanager
def escaped_messages() -> Iterator[None]:
    """Inside, errors of wrong usage that are raised get messages that can be printed."""
    try:
        yield
    except click.ClickException as error:
        error.message = printable(error.message, lines=True)  # type: ignore[misc] # not changed by anyone else
        raise


def log_formatter() -> "logging.Formatter":
    """Return what formats lines of the log so that they can be printed."""
    import logging

    class Formatter(logging.Formatter):
        def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 # as logging has it
            return printable(super().formatMessage(record))

    return Formatter("%(message)s")


def escape_warnings() -> None:
    """Let what Python warns of be printed likewise, in this process."""
    before = warnings.formatwarning

    def formatted(*args: Any, **kwargs: Any) -> str:
        return printable(before(*args, **kwargs), lines=True)

    warnings.formatwarning = formatted


def _write(text: str, *, err: bool = False) -> None:
    with suppress(OSError) if err else _printing():  # where nobody can be told, the work goes on
        click.echo(_encodable(text, err=err), err=err)


@contextmanager
def _printing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise cannot_print(error) from error


def _encodable(text: str, *, err: bool = False) -> str:
    """Escape what the stream's encoding lacks."""
    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _without_nan(data: Any) -> Any:  # JSON
    if isinstance(data, float) and math.isnan(data):
        return None
    if isinstance(data, dict):
        return {key: _without_nan(value) for key, value in data.items()}
    return [_without_nan(value) for value in data] if isinstance(data, (list, tuple)) else data
