"""Which manifests of a mirror were seen before: one that was replaced since must not come back unnoticed."""

import contextlib
import hashlib
import re
from pathlib import Path

from zoo_core.errors import SourceError
from zoo_core.files.store._paths import replace_file

from ._small_file import read_small_file

REMEMBERED = 100
"""How many manifests of a mirror are remembered, by their digests."""

_LONGEST = REMEMBERED * 100


def check_not_older(state: Path, mirror: str, content: bytes) -> None:
    """Remember a manifest, unless it was seen before and another one since then.

    Args:
        state: The folder for zoo's own small files. Where it cannot be written, nothing is remembered.
        mirror: What names the mirror.
        content: The manifest's bytes.

    Raises:
        SourceError: It is older than the last one.
    """
    path = state / "manifests" / f"{hashlib.sha256(mirror.encode()).hexdigest()[:32]}.seen"
    seen, digest = _seen(path), hashlib.sha256(content).hexdigest()
    if seen and digest == seen[-1]:
        return
    if digest in seen:
        raise SourceError(
            f"has an older manifest than when it was last asked: SHA-256 {digest[:16]}…, seen before {seen[-1][:16]}…. "
            f"If its owner took something back, delete {path}"
        )
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, "".join(f"{each}\n" for each in [*seen, digest][-REMEMBERED:]).encode())


def _seen(path: Path) -> list[str]:
    try:
        return re.findall(r"^[0-9a-f]{64}$", read_small_file(path, _LONGEST).decode(errors="replace"), re.MULTILINE)
    except OSError:
        return []
