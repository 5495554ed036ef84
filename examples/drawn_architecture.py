"""The picture of ARCHITECTURE.md: which package stands on which, and the floors of the core.

Both are read from the pyproject.toml files.
"""

import re
import tomllib
from html import escape
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).parents[1]
WIDTH, MARGIN, HEIGHT, GAP, WIDE, NARROW, LINE = 860, 12, 34, 46, 60, 24, 19
STYLE = """
text { font: 13px system-ui, "DejaVu Sans", sans-serif; fill: #1f2933 }
.floor { font: 12px "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #3e4c59 }
.ground { fill: #ffffff }
.package { fill: #e6f3f5; stroke: #0a7d91 }
.needs { stroke: #7b8794; fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f4f8 } .floor { fill: #bcccdc } .ground { fill: #14181e }
  .package { fill: #12323a; stroke: #3fb1c5 } .needs { stroke: #9aa5b1 }
}
"""


def needs() -> dict[str, set[str]]:
    """Return the packages that each package stands on directly: those that no other one brings."""
    stated = {}
    for path in sorted(ROOT.glob("packages/*/pyproject.toml")):
        requirements = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]
        names = (re.split(r"[^\w-]", requirement)[0] for requirement in requirements)
        stated[path.parent.name] = {name for name in names if name.startswith("zoo-")}
    return {name: needed - set().union(*(stated[other] for other in needed)) for name, needed in stated.items()}


def floors(package: str) -> list[str]:
    """Return the floors of a package, the highest first, as its contract states them."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = (each["layers"] for each in linter["contracts"] if each.get("containers") == [package])
    return [" · ".join(re.findall(r"\w+", layer)) for layer in layers]


def architecture() -> str:
    """Draw the packages in rows, each above what it stands on, and the core with its floors at the bottom."""
    needed = needs()
    rows = _rows(needed)
    places = _places(rows, needed)
    inside = floors("zoo_core")
    top = MARGIN + (len(rows) - 1) * (HEIGHT + GAP)
    height = top + HEIGHT + len(inside) * LINE + 2 * MARGIN
    lines = [
        _line(places[name], (places[other][0] if other != "zoo-core" else places[name][0], places[other][1]))
        for name, others in needed.items()
        for other in sorted(others)
    ]
    boxes = [_box(name, *places[name]) for row in rows[1:] for name in row]
    size = f'width="{WIDTH - 2 * MARGIN}" height="{height - top - MARGIN}"'
    core = [f'<rect class="package" x="{MARGIN}" y="{top}" {size} rx="6"/>']
    core.append(_text("zoo-core", WIDTH / 2, top + 24))
    core += [_text(floor, WIDTH / 2, top + 48 + LINE * n, "floor") for n, floor in enumerate(inside)]
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
        *lines,
        *boxes,
        *core,
        "</svg>",
        "",
    ))  # fmt: skip


def _rows(needed: dict[str, set[str]]) -> list[list[str]]:
    """Return the packages by how many rows stand below them; the core is the first.

    In a row those come first that the fewest others stand on.
    """
    rows: list[list[str]] = []
    left = dict(needed)
    while left:
        row = [name for name, others in left.items() if others.isdisjoint(left)]
        rows.append(sorted(row, key=lambda name: (sum(name in others for others in needed.values()), name)))
        left = {name: others for name, others in left.items() if name not in row}
    return rows


def _places(rows: list[list[str]], needed: dict[str, set[str]]) -> dict[str, tuple[float, float]]:
    """Return the middle of each package's upper edge."""
    places: dict[str, tuple[float, float]] = {}
    far = needed[rows[-1][0]]  # on the right, so that lines from the highest package pass by the others
    for number, row in enumerate(rows):
        y = MARGIN + (len(rows) - 1 - number) * (HEIGHT + GAP)
        wanted = {name: mean([places[other][0] for other in needed[name]] or [WIDTH / 2]) for name in row}
        ordered = [row[at] for _, _, at in sorted((name in far, wanted[name], at) for at, name in enumerate(row))]
        space = WIDE if number == 1 else NARROW
        left = [3 * MARGIN + sum(map(_width, ordered[:index])) + space * index for index in range(len(ordered))]
        middles = {name: x + _width(name) / 2 for name, x in zip(ordered, left, strict=True)}
        places |= {name: (wanted[name] if len(row) == 1 else x, y) for name, x in middles.items()}
    return places


def _width(name: str) -> int:
    return 9 * len(name)


def _line(upper: tuple[float, float], lower: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = (upper[0], upper[1] + HEIGHT), lower
    middle = (y1 + y2) / 2
    return f'<path class="needs" d="M{x1:.0f} {y1:.0f}C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}"/>'


def _box(name: str, x: float, y: float) -> str:
    width = _width(name)
    box = f'<rect class="package" x="{x - width / 2:.0f}" y="{y:.0f}" width="{width}" height="{HEIGHT}" rx="6"/>'
    return box + _text(name, x, y + 22)


def _text(text: str, x: float, y: float, kind: str = "") -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text{of_kind} x="{x:.0f}" y="{y:.0f}" text-anchor="middle">{escape(text)}</text>'
