"""The pages of the reference, and what lists them."""

from collections.abc import Iterable

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
    objects = Objects(packages.references)
    by_page: dict[str, list[Name]] = {}
    for name in packages.names:
        by_page.setdefault(name.page, []).append(name)
    roots = sorted(module for module in packages.modules if "." not in module)
    for root in roots:
        pages = sorted({page for page in by_page if page.partition("/")[2].partition(".")[0].partition("/")[0] == root})
        _write_package(site, packages, objects, root, {page: by_page[page] for page in pages})
    summaries = [f"- [`{root}`]({root}.md): {_summary(packages.modules[root])}" for root in roots]
    site.write("api/index.md", "\n".join([_INTRODUCTION, *summaries, "", *_toctree(roots), ""]))


def _write_package(site: Site, packages: Packages, objects: Objects, root: str, by_page: dict[str, list[Name]]) -> None:
    first = f"api/{root}"
    for page, names in by_page.items():
        if page != first:
            site.write(f"{page}.md", _page(page, names, packages, objects))
    others = [page.removeprefix("api/") for page in by_page if page != first]
    inside = "\n".join(["## Pages", "", *(f"- [{_title(page)}]({page}.md)" for page in others), "", *_toctree(others)])
    text = _page(first, by_page.get(first, []), packages, objects)
    site.write(f"{first}.md", text + (f"\n{inside}\n" if others else ""))


def _page(page: str, names: list[Name], packages: Packages, objects: Objects) -> str:
    title = _title(page.removeprefix("api/"))
    module = packages.modules.get(title)
    parts = [f"# {title}"]
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
    return "\n".join(["| name | |", "|---|---|", *rows])


def _first_line(name: Name, packages: Packages) -> str:
    docstring = packages.find(name).docstring
    line = docstring.value.partition("\n")[0] if docstring else ""
    return Writer(packages.references, name.full).prose(line).replace("|", "\\|")


def _title(page: str) -> str:
    """Return the heading of a page: `zoo_detection.ops`, or `zoo_detection: ssd` for a family."""
    module, _, family = page.partition("/")
    return f"{module}: {family}" if family else module


def _summary(module: Module) -> str:
    return module.docstring.partition("\n")[0]


def _toctree(pages: Iterable[str]) -> list[str]:
    return ["```{toctree}", ":hidden:", "", *pages, "```"]
