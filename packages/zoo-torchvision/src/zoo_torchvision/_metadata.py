"""What `importlib.metadata` says of the stand-in: many libraries ask it whether torchvision is there, and how old."""

from collections.abc import Iterator
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path

from ._facts import VERSION

_FILES = {
    "METADATA": f"Metadata-Version: 2.1\nName: torchvision\nVersion: {VERSION}\n"
    "Summary: A stand-in for torchvision that zoo_torchvision has put in its place.\n",
    "top_level.txt": "torchvision\n",
}


class StandInDistribution(Distribution):
    """An installed torchvision, as far as metadata goes; it has no files."""

    def read_text(self, filename: str) -> str | None:
        """Return what stands in a file of the metadata."""
        return _FILES.get(filename)

    def locate_file(self, path: object) -> Path:
        """Return where a file would be, beside this package; there is none."""
        return Path(__file__).parents[1] / str(path)


def distributions(context: DistributionFinder.Context) -> Iterator[Distribution]:
    """Yield the stand-in where that is what is looked for, or everything."""
    if context.name is None or context.name.lower() == "torchvision":
        yield StandInDistribution()
