"""The reference of all public names: a page a module, and a page a family of models."""

from zoo_site._site import Site

from .names import Module, Name, public_modules, public_names

__all__ = ["Module", "Name", "generate", "public_modules", "public_names"]


def generate(site: Site) -> None:
    """Write the pages of all public names, and the lists that lead to them."""
    from .pages import write_pages  # it needs griffe, which the names alone do not

    write_pages(site)
