"""What writes the pages of the site, part by part."""

from collections.abc import Callable

from . import api, gallery, index, pages
from ._site import Site

GENERATORS: tuple[Callable[[Site], None], ...] = (
    pages.generate,
    gallery.generate,
    api.generate,
    index.generate,  # the last: it lists what is there
)
