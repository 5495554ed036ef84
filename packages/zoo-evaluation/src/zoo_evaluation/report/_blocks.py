"""What a section of a report is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from zoo_core.names import Later

from ._chart import Chart

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under a header. Numbers are flush right; a click on a header sorts.

    Args:
        header: Names of the columns.
        rows: Texts, numbers, or `None` for what is not known.
        folded: Shown when it is asked for.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A bar for each of several names.

    Args:
        rows: Names and values, from 0 to `maximum`.
        maximum: What a whole bar stands for.
    """

    rows: Sequence[tuple[str, float]]
    maximum: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """How often each class was taken for each.

    Args:
        names: Of the classes.
        counts: A row for each true class, a column for each predicted one.
    """

    names: Sequence[str]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture with lines beneath it.

    Args:
        name: Of the sample, the last line.
        path: The image's file; what cannot be read is shown as its name alone.
        lines: What to say of it.
        drawn: Draws on it, at its own size.
        image: The picture itself, in place of a file.
    """

    name: str
    path: Path | None
    lines: Sequence[str] = ()
    drawn: "Callable[[Image.Image], Image.Image] | None" = None
    image: "Image.Image | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Pictures side by side, the first 24 of them."""

    pictures: Sequence[Picture]


Block: TypeAlias = Union[Table, Bars, Matrix, Pictures, Chart]  # noqa: UP007 # a name for isinstance, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a report.

    Args:
        title: Its heading.
        text: A sentence or two that say how to read it.
        blocks: What it shows.
    """

    title: str
    text: str = ""
    blocks: Sequence[Block] = field(default=())
