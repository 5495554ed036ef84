"""Small pictures inside a page."""

import base64
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_core.images import image_suffixes

from ._blocks import Picture
from ._html import Markup, element

if TYPE_CHECKING:
    from PIL import Image

SIDE = 200
"""Of a thumbnail, in pixels, at most."""


def thumbnail(picture: Picture) -> Markup:
    """Return an image element that holds its picture; of a file that is none, a text that says so."""
    image = picture.image
    if image is None and picture.path is not None:
        image = _read(picture.path)
    if image is None:
        return element("div", "no picture", class_="missing")
    if picture.drawn is not None:
        image = picture.drawn(image)
    return element("img", src=_data(image), alt=picture.name)


def _read(path: Path) -> "Image.Image | None":
    if path.suffix.lower() not in image_suffixes():
        return None
    from zoo_core.images import ImageError, read_image

    try:
        return read_image(path)
    except (ImageError, OSError, ValueError):
        return None


def _data(image: "Image.Image") -> str:
    """Return a JPEG file as a data URI. Small pictures are enlarged by a whole number, as they are."""
    from PIL import Image

    small = image.convert("RGB")
    if (times := SIDE // max(small.size)) > 1:
        small = small.resize((small.width * times, small.height * times), Image.Resampling.NEAREST)
    small.thumbnail((SIDE, SIDE))
    file = BytesIO()
    small.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
