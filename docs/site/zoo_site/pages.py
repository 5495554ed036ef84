"""The pages that are Markdown files of the repository, with their links turned to the site."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ._site import ADDRESS, Site

FIRST = "index"
"""The page that README becomes, by `zoo_site.index`."""

PATTERNS = ("docs/*.md", "docs/guides/*.md", "packages/*/README.md")
_LINK = re.compile(r"(?<=\]\()([^()\s#]+)(#[^()\s]*)?(?=\))")
_NAMED = re.compile(r"\[([\w./-]+)\](?=\(([^()\s#]+)\))")
_CODE = re.compile(r"^(`{3,}).*?^\1|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def generate(site: Site) -> None:
    """Write the pages, copy the pictures that they show, and write what lists them, section by section."""
    names = page_names(site.repository)
    for path, name in names.items():
        if name != FIRST:
            text = (site.repository / path).read_text(encoding="utf-8")
            site.write(f"{name}.md", turn_links(text, path, name, names, site))
    write_lists(site)


def write_lists(site: Site) -> None:
    """Write what lists pages; a star stands for those of the folder that are not named, and what is not there goes."""
    lists = Path(__file__).parents[1] / "pages"
    for file in sorted(lists.glob("*/index.md")):
        lines, folder = file.read_text(encoding="utf-8").splitlines(), site.source / file.parent.name
        if "*" in lines:
            there = sorted(path.stem for path in folder.glob("*.md"))
            named = [line for line in lines if re.fullmatch(r"[\w-]+", line)]
            listed = [name for name in named if name in there] + [name for name in there if name not in named]
            lines = [line for line in lines if line not in named]
            star = lines.index("*")
            lines[star : star + 1] = listed
            if not listed:
                continue
        site.write(file.relative_to(lists).as_posix(), "\n".join([*lines, ""]))


def page_names(repository: Path) -> dict[str, str]:
    """Return what each Markdown file is named on the site, without a suffix, by its path in the repository."""
    names = {"README.md": FIRST}
    names |= {path.name: f"development/{path.stem.lower()}" for path in sorted(repository.glob("[A-Z]*.md"))} | names
    for pattern in PATTERNS:
        for path in sorted(repository.glob(pattern)):
            inside = path.relative_to(repository)
            is_package = inside.parts[0] == "packages"
            names[inside.as_posix()] = "/".join(inside.with_suffix("").parts[: 2 if is_package else None]).removeprefix(
                "docs/"
            )
    return names


def turn_links(text: str, path: str, name: str, names: Mapping[str, str], site: Site) -> str:
    """Turn the links of a page to what they lead to on the site, and to the repository's files if that is nowhere.

    What is called by the name of its file there, is called by its title here.

    Args:
        text: Of the page, in Markdown.
        path: Of the page in the repository.
        name: Of the page on the site.
        names: Of all pages on the site, by their paths.
        site: Pictures are copied to it.

    Raises:
        ValueError: A link leads to no file of the repository.
    """

    def turned(link: re.Match[str]) -> str:
        target, anchor = link[1], link[2] or ""
        found = _linked(path, target)
        if found is None:
            return link[0]
        if not (site.repository / found).exists():
            raise ValueError(f"{path} has a link to {target}, which is not there")
        page = names.get(found) or names.get(f"{found}/README.md")
        if page is not None:
            return os.path.relpath(f"{page}.md", PurePosixPath(name).parent) + anchor
        if found.endswith((".png", ".svg")):
            picture = site.source / "pictures" / PurePosixPath(found).name
            picture.parent.mkdir(exist_ok=True)
            shutil.copy(site.repository / found, picture)
            return os.path.relpath(f"pictures/{picture.name}", PurePosixPath(name).parent)
        return site.file_address(found) + anchor

    def titled(link: re.Match[str]) -> str:
        found = _linked(path, link[2])
        is_named = found in names and PurePosixPath(link[1]).name == PurePosixPath(found or "").name
        return f"[{_title(site.repository / found)}]" if found and is_named else link[0]

    pieces, end = [], 0
    for code in _CODE.finditer(text):
        pieces += [text[end : code.start()], code[0]]
        end = code.end()
    pieces.append(text[end:])
    pieces[::2] = [_LINK.sub(turned, _NAMED.sub(titled, piece)) for piece in pieces[::2]]
    return "".join(pieces)


def _linked(path: str, target: str) -> str | None:
    """Return the path in the repository that a page's link leads to; `None` if it leads elsewhere.

    Pages of packages have whole addresses, since they are shown where the packages are published, too.
    """
    inside = re.fullmatch(rf"{re.escape(ADDRESS)}/(?:blob|raw)/main/(.+)", target)
    if inside:
        return inside[1]
    return None if re.match(r"\w+:", target) else os.path.normpath(PurePosixPath(path).parent / target)


def _title(page: Path) -> str:
    """Return the first heading of a page."""
    return next(line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("# "))[2:]
