"""What the PNG files say of themselves that zoo writes: who drew them, and of which source."""

from pathlib import Path
from typing import TYPE_CHECKING

from zoo_core.names import Later

if TYPE_CHECKING:
    from PIL import PngImagePlugin
else:
    PngImagePlugin = Later("PIL.PngImagePlugin")

SOFTWARE = "zoo"
"""What they say that drew them, as PNG has it, beside the source that they were drawn of."""
_HEADER = 33
"""Bytes of a PNG file before its first chunk of text."""
_TEXT = b"tEXtSoftware\0" + SOFTWARE.encode()
_CHUNK = (len(_TEXT) - 4).to_bytes(4, "big") + _TEXT


def stamp(source: str) -> "PngImagePlugin.PngInfo":
    """Return what to give Pillow as `pnginfo`, so that a PNG file tells that zoo wrote it, and of which source."""
    from PIL.PngImagePlugin import PngInfo

    facts = PngInfo()
    facts.add_text("Software", SOFTWARE)
    facts.add_itxt("Source", source.encode(errors="backslashreplace").decode())
    return facts


def is_stamped(path: Path) -> bool:
    """Tell by the first bytes of a regular file whether zoo has written it as a PNG file."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER + len(_CHUNK))
    except OSError:
        return False
    return head.startswith(b"\x89PNG\r\n\x1a\n") and head.endswith(_CHUNK)
