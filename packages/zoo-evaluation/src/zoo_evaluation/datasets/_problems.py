"""What is wrong with the lines of label files: collected, so that all is said at once."""

from dataclasses import dataclass, field
from pathlib import Path

from ._dataset import DatasetError

_SHOWN = 5


@dataclass(slots=True)
class Problems:
    """Collects problems, and refuses a data set that has some.

    Args:
        root: Files are named from here on.
        of: What has problems: `"lines of labels"`.
        advice: What to do, as whole sentences.
    """

    root: Path
    of: str
    advice: str
    found: list[str] = field(default_factory=list)

    def add(self, path: Path, line: int | str, text: str) -> None:
        """Note a problem with a line, by its number, or with what else is named."""
        name = path.relative_to(self.root) if path.is_relative_to(self.root) else path
        place = f"line {line}" if isinstance(line, int) else line
        self.found.append(f"{name.as_posix()}, {place}: {text}")

    def refuse(self) -> None:
        """Raise a `DatasetError` that names the first ones, if there are any."""
        if self.found:
            more = len(self.found) - _SHOWN
            told = [*self.found[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
            listed = "".join(f"\n  {each}" for each in told)
            raise DatasetError(f"{self.root}: {len(self.found)} {self.of} cannot be used:{listed}\n{self.advice}")
