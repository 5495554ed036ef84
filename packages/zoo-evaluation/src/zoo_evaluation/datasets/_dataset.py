"""A data set: its samples, in a fixed order, and what was noticed when it was read."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from .samples import Sample

S = TypeVar("S", bound=Sample)


@dataclass(frozen=True, kw_only=True)
class Dataset(Generic[S]):
    """Samples in a fixed order. It has a length and places, and can be pickled into worker processes.

    Args:
        layout: The name of the layout that it was read in.
        root: Its folder, or the file that lists it.
        samples: In the order in which they are counted.
        published: Which published one it is, as weights entries name it in `meta["_metrics"]`; empty for people's own.
        categories: Names of the classes, where labels are places among them.
        category_ids: Where labels are ids with gaps, as COCO's: the id of each category.
        keypoint_names: Of the points of each object, where objects have some and the data set names them.
        notes: What was noticed: files that are missing, and the like. One sentence each.
        files: Files beside the samples that numbers depend on, such as annotations.

    Example:
        >>> from zoo_evaluation import open_dataset
        >>> dataset = open_dataset("my-photos/")
        >>> len(dataset), dataset.categories
        (2, ('cat', 'dog'))
    """

    layout: str
    root: Path
    samples: tuple[S, ...]
    published: str = ""
    categories: tuple[str, ...] | None = None
    category_ids: tuple[int, ...] | None = None
    keypoint_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, place: int) -> S:
        return self.samples[place]

    def __iter__(self) -> Iterator[S]:
        return iter(self.samples)

    def first(self, count: int | None) -> "Dataset[S]":
        """Return the data set with its first samples alone; `None` is all."""
        return self if count is None or count >= len(self) else replace(self, samples=self.samples[:count])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the list of samples with what is true of them, in order; not of the files' contents."""
        found = hashlib.sha256()
        for sample in self.samples:
            found.update(json.dumps([sample.name, sample.truth()], sort_keys=True).encode() + b"\n")
        return found.hexdigest()

    @cached_property
    def names_digest(self) -> str:
        """SHA-256 of the samples' names, in order: what predictions depend on, whatever is said to be true."""
        names = "\n".join(sample.name for sample in self.samples)
        return hashlib.sha256(names.encode(errors="surrogatepass")).hexdigest()  # names need not be UTF-8


class DatasetError(ValueError):
    """A data set is not what it should be: the text says what was expected, what was found, and what to do."""

    has_lines = True  # where several files are wrong
