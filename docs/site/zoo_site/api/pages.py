"""The pages of the reference, and what lists them."""

from collections.abc import Iterable, Mapping, Sequence

from griffe import Class

from zoo_site._site import Site

from .docstrings import Writer
from .loading import Packages
from .names import Module, Name
from .objects import Objects

_INTRODUCTION = """# API reference

Every public name of all packages. What a name begins with says which package brings it. Names whose module or own name
begins with an underscore are private: they may change with any release.
"""


def write_pages(site: Site) -> None:
    """Write all pages of the reference."""
    packages = Packages(site.repository)
    objects = Objects(packages.references, site)
    by_page: dict[str, list[Name]] = {}
    for name in packages.names:
        by_page.setdefault(name.page.removeprefix("api/"), []).append(name)
    roots = sorted(module for module in packages.modules if "." not in module)
    for page in sorted({*by_page, *roots, *(page.partition("/")[0] for page in by_page)}):
        below = pages_below(page, by_page)
        text = _page(page, by_page.get(page, []), packages, objects)
        site.write(f"api/{page}.md", "\n".join([text, *_list(below, by_page), *_toctree(below)]))
    summaries = [f"- [`{root}`]({root}.md): {_summary(packages.modules[root])}" for root in roots]
    site.write("api/index.md", "\n".join([_INTRODUCTION, *summaries, "", *_toctree(roots)]))


def pages_below(page: str, by_page: Mapping[str, list[Name]]) -> list[str]:
    """Return the pages that a page lists: the families of a module, and, of a package, its other modules."""
    families = sorted(other for other in by_page if other.startswith(f"{page}/"))
    modules = {other.partition("/")[0] for other in by_page if other.startswith(f"{page}.")}
    return [*families, *sorted(modules)] if "." not in page else families


def _page(page: str, names: list[Name], packages: Packages, objects: Objects) -> str:
    module = packages.modules.get(page)
    parts = [f"# {_title(page)}"]
    if module is not None:
        parts += [
            f"```{{py:module}} {module.name}\n```",
            Writer(packages.references, f"{module.name}.").prose(module.docstring),
        ]
    if len(names) > 1:
        parts.append(_table(names, packages))
    parts += [objects.write(name, packages.find(name)) for name in names]
    return "\n\n".join(parts) + "\n"


def _table(names: list[Name], packages: Packages) -> str:
    """Return a table of names, each with the first line of its docstring."""
    rows = [f"| {{py:obj}}`{name.short} <{name.full}>` | {_first_line(name, packages)} |" for name in names]
    return "\n".join(["| name | what it is |", "|---|---|", *rows])


def _first_line(name: Name, packages: Packages) -> str:
    found = packages.find(name)
    line = found.docstring.value.partition("\n")[0] if found.docstring else ""
    if isinstance(found, Class) and not line:  # an enum, whose name says what it is
        line = ", ".join(f"`{member}`" for member in found.members)
    return Writer(packages.references, name.full).prose(line).replace("|", "\\|")


def _list(pages: Iterable[str], by_page: Mapping[str, list[Name]]) -> list[str]:
    """Return a list of pages, each with the names on it."""
    lines = []
    for page in pages:
        names = ", ".join(f"{{py:obj}}`{name.short} <{name.full}>`" for name in by_page.get(page, []))
        lines.append(f"- [{_title(page)}](/api/{page}.md)" + (f": {names}" if names else ""))
    return ["## Pages", "", *lines, ""] if lines else []


def _title(page: str) -> str:
    """Return the heading of a page: `zoo_detection.ops`; `ssd` for a family of models."""
    return page.rpartition("/")[2]


def _summary(module: Module) -> str:
    return module.docstring.partition("\n")[0]


def _toctree(pages: Sequence[str]) -> list[str]:
    lines = [f"{_title(page)} </api/{page}>" for page in pages]
    return ["```{toctree}", ":hidden:", "", *lines, "```", ""] if pages else []
