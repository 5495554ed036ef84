"""Compare names and signatures with torchvision's, as a black box. Run by `nox -s parity -- --api`; prints a table.

What is compared: every public name of `torchvision.models`, `ops` and `utils`, in the module that defines it, and those
that their packages give on; of functions and classes what they take, of classes also what their methods take. What
differs on purpose has its reason in `api_differences.json`, by name or pattern. The rest fails. A summary is written
between the marks in docs/compatibility.md.
"""

import fnmatch
import importlib
import json
import pkgutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torchvision

from signatures import apart, methods_of, signature_of
from zoo_torchvision._table import modules

AREAS = ("torchvision.models", "torchvision.ops", "torchvision.utils")
REASONS: dict[str, str] = json.loads((Path(__file__).parent / "api_differences.json").read_text(encoding="utf-8"))
PAGE = Path(__file__).parents[1] / "docs" / "compatibility.md"
MARKS = ("<!-- written by nox -s parity -- --api -->", "<!-- end -->")


@dataclass(frozen=True, slots=True)
class Finding:
    """One name, or one method of a class, and how it is here: `"same"`, `"differs"` or `"missing"`."""

    name: str
    state: str
    what: str = ""

    @property
    def pattern(self) -> str | None:
        """The first entry of the reasons that speaks of the name."""
        return next((pattern for pattern in REASONS if fnmatch.fnmatchcase(self.name, pattern)), None)


def main() -> None:
    """Compare, print, write the summary; leave with an error where a difference has no reason, or a reason no use."""
    findings = [finding for module in their_modules() for finding in compare(module)]
    apart_ = [finding for finding in findings if finding.state != "same"]
    print("| name | here | reason |\n|---|---|---|")
    for finding in apart_:
        print(
            f"| `{finding.name}` | {finding.what or finding.state} | {REASONS.get(finding.pattern or '', '**none**')} |"
        )
    print("\n".join(["", *counts(findings)]))
    PAGE.write_text(with_summary(PAGE.read_text(encoding="utf-8"), findings), encoding="utf-8")
    unexplained = [finding.name for finding in apart_ if finding.pattern is None]
    unused = sorted(set(REASONS) - {finding.pattern for finding in apart_})
    if unexplained or unused:
        sys.exit(
            f"Without a reason: {', '.join(unexplained) or 'nothing'}.\nNo use for: {', '.join(unused) or 'nothing'}."
        )


def their_modules() -> Iterator[ModuleType]:
    """Yield torchvision's public modules of the areas."""
    for area in AREAS:
        module = importlib.import_module(area)
        yield module
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{area}."):
            if not any(part.startswith("_") for part in found.name.split(".")):
                # Not as an attribute of its parent: a function of that name may be there.
                importlib.import_module(found.name)
                yield sys.modules[found.name]


def compare(module: ModuleType) -> Iterator[Finding]:
    """Compare the names that a module defines, or gives on where it is a package."""
    here = modules().get(module.__name__, {})
    for name, thing in sorted(vars(module).items()):
        defined = str(getattr(thing, "__module__", ""))
        is_own = defined == module.__name__ or (hasattr(module, "__path__") and defined.startswith("torchvision."))
        if name.startswith("_") or isinstance(thing, ModuleType) or not is_own:
            continue
        full = f"{module.__name__}.{name}"
        if name not in here:
            yield Finding(full, "missing")
            continue
        source, _, attribute = here[name].partition(":")
        ours = getattr(importlib.import_module(source), attribute)
        if defined == module.__name__:
            yield from compare_things(full, ours, thing)


def compare_things(name: str, ours: object, theirs: object) -> Iterator[Finding]:
    """Compare two functions, or two classes with their methods."""
    yield _compared(name, ours, theirs)
    if isinstance(theirs, type) and isinstance(ours, type):
        members = getattr(theirs, "__members__", {})
        lacking = [member for member in members if member not in getattr(ours, "__members__", {})]
        if lacking:
            yield Finding(f"{name}.*", "missing", f"no {', '.join(lacking)}")
        for method, value in methods_of(theirs, "torchvision").items():
            if hasattr(ours, method):
                yield _compared(f"{name}.{method}", getattr(ours, method), value)
            else:
                yield Finding(f"{name}.{method}", "missing")


def _compared(name: str, ours: object, theirs: object) -> Finding:
    mine, given = signature_of(ours), signature_of(theirs)
    what = "" if mine is None or given is None else apart(mine, given)
    return Finding(name, "differs" if what else "same", what)


def counts(findings: list[Finding]) -> Iterator[str]:
    """Yield a table: for each area how many names and methods are the same, differ, and are missing."""
    yield "| | same | differs on purpose | not here |"
    yield "|---|---:|---:|---:|"
    for area in AREAS:
        states = Counter(finding.state for finding in findings if f"{finding.name}.".startswith(f"{area}."))
        yield f"| `{area}` | {states['same']} | {states['differs']} | {states['missing']} |"


def with_summary(page: str, findings: list[Finding]) -> str:
    """Return the page with a summary between its marks."""
    rows = [*counts(findings), "", "| reason | names |", "|---|---|"]
    for pattern, reason in REASONS.items():
        names = [finding.name.removeprefix("torchvision.") for finding in findings if finding.pattern == pattern]
        names = sorted({name for name in names if not name.endswith(".*")})
        if names:
            shown = ", ".join(f"`{name}`" for name in names[:6])
            rows.append(f"| {reason} | {shown}{f', and {len(names) - 6} more' if len(names) > 6 else ''} |")
    before, _, rest = page.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return "\n".join([before + MARKS[0], "", *rows, "", MARKS[1] + after])


if __name__ == "__main__":
    assert torchvision.__version__.startswith("0.28"), torchvision.__version__
    main()
