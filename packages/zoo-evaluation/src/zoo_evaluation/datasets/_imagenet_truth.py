"""What is true of ImageNet's flat validation images: three forms in which that is found."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ._dataset import DatasetError
from ._matlab import read_records

SYNSET = re.compile(r"n\d{8}")
CLASSES = 1000
_GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
_SOLUTION = "LOC_val_solution.csv"
_NUMBER = re.compile(r"ILSVRC2012_val_(\d{8})(\.jpe?g)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Truth:
    """Labels of images by their numbers, from 1 on: places among the sorted synsets; and where they are from."""

    labels: Mapping[int, int]
    files: tuple[Path, ...]


def find_synsets(root: Path) -> Path | None:
    """Return the text file that lists all synsets, one a line, at the beginning."""
    return next((path for path in _texts(root) if len(_first_words(path)) == CLASSES), None)


def read_synsets(path: Path) -> list[str]:
    """Return the synsets of a list, sorted.

    Raises:
        DatasetError: One is in it twice.
    """
    found = sorted(set(_first_words(path)))
    if len(found) != CLASSES:
        raise DatasetError(f"{path} lists {len(found)} different synsets, expected {CLASSES}: some are there twice.")
    return found


def read_truth(root: Path) -> Truth:
    """Return what is true of the images: from the development kit, the solution file of a contest, or a list.

    Raises:
        DatasetError: There is none of them, or it cannot be understood.
    """
    for place in _places(root):
        if (place / _SOLUTION).is_file():
            return _by_synset(root, _solution(place / _SOLUTION), place / _SOLUTION)
        if (place / _GROUND_TRUTH).is_file():
            return _of_kit(place / _GROUND_TRUTH)
    for path in _texts(root):
        words = _first_words(path)
        if len(words) > CLASSES:
            return _by_synset(root, dict(enumerate(words, 1)), path)
    raise DatasetError(
        f"{root} has images, and nothing that says what is true of them. Put the development kit's folder "
        f"ILSVRC2012_devkit_t12 there, with data/{_GROUND_TRUTH} and data/meta.mat; or {_SOLUTION}; or a text file "
        "with a synset for each image, one a line."
    )


def _places(root: Path) -> Iterator[Path]:
    """Yield the folders where lists lie: here, beside the folder of images, and in the development kit."""
    bases = [root, root.parent] if root.is_dir() else []
    for base in bases:
        yield from (base, base / "data")
        yield from sorted(path / "data" for path in base.glob("*devkit*"))


def _texts(root: Path) -> Iterator[Path]:
    for place in _places(root):
        if place.is_dir():
            yield from sorted(path for path in place.glob("*.txt") if path.name != _GROUND_TRUTH)


def _first_words(path: Path) -> list[str]:
    """Return the synsets at the beginning of the lines; none if a line begins otherwise."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            begins = SYNSET.match(file.readline(20))
            file.seek(0)
            lines = [line for line in file if line.strip()] if begins else []
    except (OSError, UnicodeDecodeError):
        return []
    words = [re.split(r"[\s,]", line, maxsplit=1)[0] for line in lines]
    return words if all(map(SYNSET.fullmatch, words)) else []


def _solution(path: Path) -> dict[int, str]:
    """Return the synset of each image from a file of lines `ILSVRC2012_val_00000001,n01751748 111 108 329 150`."""
    found = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            matched = _NUMBER.fullmatch(row[0]) if len(row) > 1 else None
            synset = row[1].split()[:1] if matched else []
            if matched and synset and SYNSET.fullmatch(synset[0]):
                found[int(matched[1])] = synset[0]
            elif number > 1:
                raise DatasetError(f"{path}, line {number}: expected an image's name and a synset, found {row}.")
    return found


def _by_synset(root: Path, synsets: Mapping[int, str], path: Path) -> Truth:
    listed = find_synsets(root)
    known = sorted(set(synsets.values())) if listed is None else read_synsets(listed)
    if len(known) != CLASSES or not set(synsets.values()) <= set(known):
        raise DatasetError(
            f"{path} has {len(set(synsets.values()))} different synsets, expected ImageNet's {CLASSES}, since a class "
            f"is a place among all of them: put a text file with the {CLASSES} synsets beside it, one a line."
        )
    places = {synset: place for place, synset in enumerate(known)}
    labels = {number: places[synset] for number, synset in synsets.items()}
    return Truth(labels, (path,) if listed is None else (path, listed))


def _of_kit(path: Path) -> Truth:
    """Read the kit's truth, whose numbers are ILSVRC's ids; `meta.mat` says which synset has which."""
    meta = path.with_name("meta.mat")
    if not meta.is_file():
        raise DatasetError(
            f"{path} holds ILSVRC's ids, which are not places among the sorted synsets: put the development kit's "
            "meta.mat beside it, which says which synset has which id."
        )
    synsets = _synsets_by_id(meta)
    sorted_synsets = sorted(synsets.values())
    places = {number: sorted_synsets.index(synset) for number, synset in synsets.items()}
    labels = {}
    for line, number in enumerate(_numbers(path), 1):
        if number not in places:
            hint = " They seem to count from 0, and ILSVRC's count from 1." if number == 0 else ""
            raise DatasetError(
                f"{path}, line {line}: {number} is none of ILSVRC's ids of classes, 1 to {len(places)}.{hint} "
                "Take the file of the development kit as it is."
            )
        labels[line] = places[number]
    return Truth(labels, (path, meta))


def _synsets_by_id(meta: Path) -> dict[int, str]:
    try:
        records = read_records(meta, "synsets")
        listed = [(int(one["ILSVRC2012_ID"][0]), one["WNID"], int(one["num_children"][0])) for one in records]
    except (ValueError, LookupError, TypeError) as error:
        raise DatasetError(f"{meta} is not the development kit's: {error}. Take that of the archive.") from None
    found = {number: synset for number, synset, children in listed if not children}
    if len(found) != CLASSES or sorted(found) != list(range(1, CLASSES + 1)):
        raise DatasetError(
            f"{meta} has {len(found)} synsets without others below, expected {CLASSES} of ids from 1 on."
        )
    return found


def _numbers(path: Path) -> Sequence[int]:
    found = []
    for line, text in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), 1):
        if not text.strip():
            continue
        if not text.strip().isascii() or not text.strip().isdigit():
            raise DatasetError(f"{path}, line {line}: expected one of ILSVRC's ids, found {text.strip()[:40]!r}.")
        found.append(int(text))
    return found
