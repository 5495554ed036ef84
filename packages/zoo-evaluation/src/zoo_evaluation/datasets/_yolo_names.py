"""The names of classes, and where images are: `data.yaml`, of which a few forms are understood, or `classes.txt`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ._dataset import DatasetError

_KEY = re.compile(r"""(?P<indent>\s*)(?:(?P<dash>-\s+)|(?P<key>['"]?[\w ]+['"]?)\s*:(?=\s|$))(?P<value>.*)""")


@dataclass(frozen=True, slots=True)
class Description:
    """What a data set says of itself.

    Args:
        path: The file that says it.
        root: The folder that its paths are relative to.
        names: Of the classes.
        splits: The folder, or the file that lists images, of each split.
    """

    path: Path
    root: Path
    names: tuple[str, ...]
    splits: dict[str, str] = field(default_factory=dict)

    def places(self, split: str) -> Iterator[Path]:
        """Yield where the images of a split may be: as it is said, then where they commonly are."""
        stated = self.splits.get(split)
        if stated:
            yield from (self.root / stated, self.path.parent / stated)
            yield self.path.parent / stated.removeprefix("../")  # as exported data sets say it, seen from beside
        names = [split, "valid"] if split == "val" else [split]
        for base in dict.fromkeys([self.root, self.path.parent]):
            yield from (base / "images" / name for name in names)
            yield from (base / name / "images" for name in names)
            yield base / "images"


def find_description(root: Path) -> Description | None:
    """Return what a data set says of itself, `None` if nothing.

    Raises:
        DatasetError: Its names cannot be understood.
    """
    if root.is_file():
        return _read_yaml(root) if root.suffix in {".yaml", ".yml"} else None
    for path in sorted([*root.glob("*.yaml"), *root.glob("*.yml")]):
        found = _read_yaml(path)
        if found is not None:
            return found
    for path in (root / "classes.txt", root / "labels" / "classes.txt", root / "obj.names"):
        if path.is_file():
            lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n")]
            return Description(path, root, _checked([line for line in lines if line], path))
    return None


def _read_yaml(path: Path) -> Description | None:
    """Read `path`, `train`, `val`, `test`, `nc` and `names`; `None` if there are no names."""
    values, names = _parse(path)
    if not names:
        return None
    count = values.get("nc", "")
    if count.isdigit() and int(count) != len(names):
        raise DatasetError(f"{path} says nc: {count}, and has {len(names)} names. Correct one of them.")
    stated = path.parent / values.get("path", "")
    return Description(path, stated if stated.is_dir() else path.parent, _checked(names, path), values)


def _parse(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return the plain values of a file, and the names: a list in one line, in several, or numbered."""
    values, names, numbered = dict[str, str](), list[str](), dict[int, str]()
    within = ""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    text = re.sub(r"\[[^\]]*\]|\{[^}]*\}", lambda found: found[0].replace("\n", " "), text)
    for number, line in enumerate(text.split("\n"), 1):
        matched = _KEY.match(_without_comment(line))
        if matched is None:
            continue
        key, value = _plain(matched["key"] or ""), matched["value"].strip()
        if matched["key"] and not matched["indent"]:
            within = key
            values[key] = _plain(value)
            names += _in_one_line(value) if key == "names" else []
        elif within == "names" and matched["dash"]:
            names.append(_plain(value))
        elif within == "names":
            if not key.isdigit():
                raise DatasetError(f"{path}, line {number}: expected the number of a class and its name, as `0: cat`.")
            numbered[int(key)] = _plain(value)
    return values, names or _in_order(numbered, path)


def _in_one_line(value: str) -> list[str]:
    """Return the names of `[a, "b"]` or `{0: a, 1: b}`."""
    if not value.startswith(("[", "{")):
        return []
    found = re.findall(r"""\s*((?:"[^"]*"|'[^']*'|[^,'"])+)\s*(?:,|$)""", value[1:].rstrip().rstrip("]}"))
    parts = [part.strip() for part in found if part.strip()]
    if value.startswith("{"):
        pairs = [part.partition(":") for part in parts]
        return [_plain(name) for _, _, name in sorted(pairs, key=lambda pair: int(pair[0]))]
    return [_plain(part) for part in parts]


def _in_order(numbered: dict[int, str], path: Path) -> list[str]:
    if sorted(numbered) != list(range(len(numbered))):
        raise DatasetError(
            f"{path} numbers its names {', '.join(map(str, sorted(numbered)[:5]))}, and so on: expected each number "
            "from 0 on, once."
        )
    return [numbered[number] for number in sorted(numbered)]


def _without_comment(line: str) -> str:
    return re.sub(r"""^((?:"[^"]*"|'[^']*'|[^#'"])*?)\s+#.*$|^#.*$""", r"\1", line)


def _plain(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _checked(names: list[str], path: Path) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise DatasetError(
            f"{path} has {f'the name {twice[0]!r} twice' if twice else 'no names'}: expected one for each class."
        )
    return tuple(names)
