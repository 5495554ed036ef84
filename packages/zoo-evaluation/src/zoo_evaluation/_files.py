"""Files that are there whole or not at all, whoever else writes them at the same time."""

from pathlib import Path
from uuid import uuid4


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under another name, and move it into place; of several writers at once, the last one counts.

    What in names of files is no UTF-8 is escaped in a text.
    """
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
