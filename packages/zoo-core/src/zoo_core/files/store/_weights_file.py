"""What is known of a published file before it is here."""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

from ._digest import Digest, has_digest

ANY_TWIN = "any"
LARGEST_FILE = 32 * 2**30
"""Bytes that a file may have of which nothing else is known."""

PACKAGE_SCHEME = "package:"
"""How the URL of a file begins that is part of an installed package."""

FOLDER_SCHEME = "local-dir:"
"""How the URL of a file begins that is in a folder with a model of one's own, from which it is used."""

HUB_SCHEME = "hf-hub:"
"""How the URL of a file begins that is in a Hub repository with a model of one's own: the only source of it."""

_NOT_IN_PATHS = re.compile(r"[%\\\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The file of a weights entry.

    Args:
        entry: The entry's full name, such as `"ResNet50_Weights.IMAGENET1K_V2"`.
        name: The file's name.
        url: Where it is published.
        digest: What is known of its SHA-256.
        size: Its size in bytes, where known.
        twin: Which safetensors file with the same tensors may stand for it: any that the manifest of a trusted mirror
            pins, the one with this SHA-256, or none (`None`).
        largest: A number of bytes that the file certainly does not exceed, where its size is not known.
        license: The SPDX identifier of its licence, or `unknown`.
        license_details: Who states that, or what is known instead.
    """

    entry: str
    name: str
    url: str
    digest: Digest | None = None
    size: int | None = None
    twin: str | None = ANY_TWIN
    largest: int = LARGEST_FILE
    license: str = field(default="unknown", compare=False)
    license_details: str = field(default="", compare=False)

    @property
    def paths_in_mirror(self) -> tuple[str, str]:
        """Where a mirror may hold the file: in a folder for the entry, or as upstream, all in one folder.

        What lies there under a name that anybody may use, as `model.pth`, is told from another's by its digest alone;
        where none is known, the name is the one in the cache.
        """
        return f"{self.folder}/{self.name}", self.name if self.digest else self.name_in_cache

    @property
    def folder(self) -> str:
        """What the entry's folder is called in mirrors and manifests: its name, as a path that leads nowhere else."""
        parts = (part for part in self.entry.replace(":", "/").split("/") if part not in {"", "."})
        return "/".join("%2E%2E" if part == ".." else _NOT_IN_PATHS.sub(_quoted, part) for part in parts)

    @property
    def paths_in_folder(self) -> tuple[str, ...]:
        """Where a folder may hold the file: as a mirror, or as the cache from which it was copied."""
        return tuple(dict.fromkeys((*self.paths_in_mirror, self.name_in_cache)))

    @property
    def name_in_cache(self) -> str:
        """The file's name among all downloads: as published if it carries a digest, else with one of the URL in it.

        So files of two publishers that are both called `model.pth` are kept apart.
        """
        if has_digest(self.name):
            return self.name
        name = PurePath(self.name)
        return f"{name.stem}.{hashlib.sha256(self.url.encode(errors='surrogatepass')).hexdigest()[:16]}{name.suffix}"

    @property
    def is_in_package(self) -> bool:
        """Whether the file is part of an installed package."""
        return self.url.startswith(PACKAGE_SCHEME)

    @property
    def is_in_folder(self) -> bool:
        """Whether the file is one of the user's own, in a folder."""
        return self.url.startswith(FOLDER_SCHEME)

    @property
    def stays_in_place(self) -> bool:
        """Whether the file is used where it is, in an installed package or a folder: no source is asked for it."""
        return self.is_in_package or self.is_in_folder


def _quoted(character: re.Match[str]) -> str:
    return f"%{ord(character[0]):02X}"


def file_of_url(
    entry: str, url: str, digest: Digest | None = None, size: int | None = None, largest: int = LARGEST_FILE
) -> WeightsFile:
    """Return the file that `url` names; without a `digest`, the one that the file's name carries counts.

    Raises:
        ValueError: `url` names no file, or the digest contradicts the file's name.
    """
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    if not name or name in {".", ".."} or "\\" in name:
        raise ValueError(f"Expected the URL of a file for {entry}, found {url!r}.")
    in_name = Digest.in_file_name(name)
    if digest and in_name and in_name.confirmed and not in_name.matches(digest.hexadecimal[: len(in_name.hexadecimal)]):
        raise ValueError(f"The SHA-256 stated for {entry}, {digest}, contradicts its file name {name}.")
    return WeightsFile(entry, name, url, digest or in_name, size, largest=largest)
