"""Where files are looked for, fetched from and kept: read from the environment at each use, never stored."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ._licenses import read_licenses

DEFAULT_MIRROR = "hf://org/zoo-weights"
"""The project's own mirror. This is the one place that names it; with `@` and a commit, its manifest counts as well."""

DEFAULT_MIRROR_IS_PUBLISHED = False
"""Whether it is there. Until then it is a placeholder, which is asked only by whoever names it in `ZOO_MIRRORS`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Folders and sources.

    Args:
        search_path: Read-only folders that are searched first (`ZOO_WEIGHTS_PATH`).
        checkpoints: Where downloads are kept: torch.hub's folder, shared with torchvision (`TORCH_HOME`).
        hub_cache: The Hugging Face cache (`HF_HUB_CACHE`, `HF_HOME`).
        state: zoo's own small files, and the quarantine (`XDG_CACHE_HOME`).
        mirrors: Sources asked before upstream, in order (`ZOO_MIRRORS`).
        offline: Make no connection at all (`ZOO_OFFLINE` or `HF_HUB_OFFLINE`).
        mirrors_are_chosen: Whether the user named the mirrors: the default mirror gives only files whose full digest
            is known otherwise.
        lock: The lock file that pins every file that is loaded (`ZOO_LOCK`).
        requires_full: Files are refused of which the full digest is not known (`ZOO_REQUIRE=full`).
        licenses: Files under other licences than these are refused (`ZOO_LICENSES`); none: any licence will do.
        maps_files: Checkpoints are mapped into memory, which is fast, rather than read at once (`ZOO_MMAP`).
    """

    search_path: tuple[Path, ...]
    checkpoints: Path
    hub_cache: Path
    state: Path
    mirrors: tuple[str, ...] = field(repr=False)  # there may be passwords in them
    offline: bool
    mirrors_are_chosen: bool = True
    lock: Path | None = None
    maps_files: bool = True
    requires_full: bool = False
    licenses: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings from environment variables, which keep their usual meaning.

        Raises:
            RuntimeError: A folder is in the home folder, and there is none.
            ValueError: `ZOO_REQUIRE` is neither empty nor `full`, or `ZOO_LICENSES` has what is no licence.
        """
        default = DEFAULT_MIRROR if DEFAULT_MIRROR_IS_PUBLISHED else ""
        mirrors = re.split(r"[,\n]", environment.get("ZOO_MIRRORS", default))
        cache = _expanded(environment.get("XDG_CACHE_HOME") or "~/.cache")
        hugging_face = _expanded(environment.get("HF_HOME") or cache / "huggingface")
        return cls(
            search_path=tuple(
                _expanded(folder) for folder in environment.get("ZOO_WEIGHTS_PATH", "").split(os.pathsep) if folder
            ),
            checkpoints=_torch_hub_folder(environment, cache) / "checkpoints",
            hub_cache=_expanded(environment.get("HF_HUB_CACHE") or hugging_face / "hub"),
            state=cache / "zoo",
            mirrors=tuple(mirror for mirror in map(str.strip, mirrors) if mirror),
            offline=_is_on(environment.get("ZOO_OFFLINE")) or _is_on(environment.get("HF_HUB_OFFLINE")),
            mirrors_are_chosen="ZOO_MIRRORS" in environment,
            lock=_expanded(environment["ZOO_LOCK"]) if environment.get("ZOO_LOCK") else None,
            maps_files=_is_on(environment.get("ZOO_MMAP", "1")),
            requires_full=_requires_full(environment.get("ZOO_REQUIRE", "")),
            licenses=read_licenses(environment.get("ZOO_LICENSES", ""), name="ZOO_LICENSES"),
        )

    @property
    def quarantine(self) -> Path:
        """Where files with wrong bytes are moved to, to be looked at and never loaded."""
        return self.state / "quarantine"


def _torch_hub_folder(environment: Mapping[str, str], cache: Path) -> Path:
    """Return `torch.hub.get_dir()` without importing torch for it."""
    hub = sys.modules.get("torch.hub")
    if hub is not None and environment is os.environ:
        return Path(hub.get_dir())
    return _expanded(environment.get("TORCH_HOME") or cache / "torch") / "hub"


def _expanded(folder: str | Path) -> Path:
    """Return a folder with `~` replaced. There may be no home folder, as in some containers."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise RuntimeError(
            f"{folder} is in the home folder, and this user has none: set HOME, or XDG_CACHE_HOME, to a folder that "
            "can be written to."
        ) from None


def _requires_full(value: str) -> bool:
    if value.strip().lower() not in {"", "full"}:
        raise ValueError(f"ZOO_REQUIRE is {value!r}: expected 'full', or nothing.")
    return bool(value.strip())


def _is_on(value: str | None) -> bool:
    return (value or "").strip().lower() in {"1", "true", "yes", "on"}
