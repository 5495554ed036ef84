"""What is known of a published file before it is here."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ._digest import Digest

ANY_TWIN = "any"


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
    """

    entry: str
    name: str
    url: str
    digest: Digest | None = None
    size: int | None = None
    twin: str | None = ANY_TWIN

    @property
    def paths_in_mirror(self) -> tuple[str, str]:
        """Where a mirror may hold the file: in a folder for the entry, or as upstream, all in one folder."""
        return f"{self.entry}/{self.name}", self.name


def file_of_url(entry: str, url: str, digest: Digest | None = None, size: int | None = None) -> WeightsFile:
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
    return WeightsFile(entry, name, url, digest or in_name, size)
