"""The first page: README as it is, and what the bar at the top of all pages leads to."""

from ._site import Site
from .pages import FIRST, page_names, turn_links

SECTIONS = ("gallery/index", "guides/index", "user-guide/index", "api/index", "development/index")
"""The pages in the bar, in this order, as far as something has written them."""


def generate(site: Site) -> None:
    """Write the first page, after all others."""
    names = page_names(site.repository)
    text = (site.repository / "README.md").read_text(encoding="utf-8")
    sections = [section for section in SECTIONS if (site.source / f"{section}.md").exists()]
    table = "\n".join(["```{toctree}", ":hidden:", ":maxdepth: 2", "", *sections, "```"])
    page = turn_links(text, "README.md", FIRST, names, site)
    site.write(f"{FIRST}.md", f"{page}\n{table}\n")
