"""The format of manifests: full SHA-256 and size of every file of a mirror, a bundle or a lock file.

`{"format": "zoo-manifest", "version": 1, "files": {"Enum.MEMBER/name.pth": {"sha256": "…", "bytes": 123}, …}}`; a
safetensors file with the tensors of a published file states the SHA-256 of that one as `"twin_of"`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Self

from zoo_core.errors import ManifestError
from zoo_core.files.store._digest import Digest
from zoo_core.files.store._weights_file import ANY_TWIN, WeightsFile

MANIFEST_NAME = "manifest.json"
MANIFEST_LIMIT = 16 * 2**20
"""Bytes above which nothing is taken for a manifest; the whole catalogue needs some 100 KiB."""

TWIN_SUFFIX = ".safetensors"
_FORMAT, _VERSION = "zoo-manifest", 1


@dataclass(frozen=True, slots=True)
class FileFact:
    """What a manifest states of a file.

    Args:
        sha256: The whole digest.
        size: In bytes; a lock file need not know it.
        twin_of: For a safetensors twin: the SHA-256 of the published file that holds the same tensors.
        without_twin: For a published file: why there can be no twin of it.
    """

    sha256: str
    size: int | None = None
    twin_of: str | None = None
    without_twin: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fact as a manifest holds it."""
        members = {"bytes" if name == "size" else name: value for name, value in asdict(self).items()}
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a mirror, a bundle or a lock file, by their path in it.

    Args:
        files: The facts by path, with `/` between its parts.
        label: What messages call it.
    """

    files: Mapping[str, FileFact] = field(default_factory=lambda: MappingProxyType({}))
    label: str = "the manifest"

    @classmethod
    def parse(cls, content: bytes, label: str) -> Self:
        """Read a manifest.

        Raises:
            ManifestError: It is not one; the message names the first place that is wrong.
        """
        try:
            return cls(MappingProxyType(dict(_facts(content))), label)
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"{label} cannot be read: {error}") from None

    def to_json(self) -> bytes:
        """Return the manifest's bytes: the same files give the same bytes."""
        files = {path: self.files[path].to_json() for path in sorted(self.files)}
        document = {"format": _FORMAT, "version": _VERSION, "files": files}
        return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()

    def with_files(self, files: Mapping[str, FileFact]) -> Self:
        """Return the manifest with more files, or other facts of them."""
        return replace(self, files=MappingProxyType({**self.files, **files}))

    def path_of(self, file: WeightsFile) -> str | None:
        """Return where the file is, in its entry's folder or at the top, or `None`."""
        return next((path for path in file.paths_in_mirror if path in self.files), None)

    def pin(self, file: WeightsFile) -> WeightsFile:
        """Return the file with the full digest that the manifest states; unchanged where it states none.

        Raises:
            ManifestError: The catalogue states another digest or size.
        """
        path = self.path_of(file)
        if path is None:
            return file
        fact, digest = self.files[path], file.digest
        if digest is not None and digest.confirmed and not digest.matches(fact.sha256):
            raise ManifestError(
                f"{self.label} contradicts {digest.stated_by}: of {path} it states SHA-256 {fact.sha256}, "
                f"{digest.stated_by} {digest}"
            )
        if None not in {fact.size, file.size} and fact.size != file.size:
            raise ManifestError(
                f"{self.label} contradicts the catalogue: of {path} it states {fact.size:,} bytes, "
                f"the catalogue {file.size:,}"
            )
        pinned = digest if digest is not None and digest.is_full else Digest(fact.sha256, stated_by=self.label)
        return replace(file, digest=pinned, size=file.size if fact.size is None else fact.size)

    def twin(self, file: WeightsFile) -> WeightsFile | None:
        """Return the safetensors file that holds the same tensors, if the manifest has one that `file.twin` allows.

        Raises:
            ManifestError: As for `pin`.
        """
        path = self.path_of(file)
        pinned = self.pin(file)
        if path is None or pinned.digest is None or path.endswith(TWIN_SUFFIX):
            return None
        twin_path = str(PurePosixPath(path).with_suffix(TWIN_SUFFIX))
        fact = self.files.get(twin_path)
        if fact is None or fact.twin_of != pinned.digest.hexadecimal or file.twin not in {ANY_TWIN, fact.sha256}:
            return None
        digest = Digest(fact.sha256, stated_by=self.label)
        return replace(file, name=PurePosixPath(twin_path).name, digest=digest, size=fact.size, twin=None)

    def forms(self, file: WeightsFile) -> Iterator[WeightsFile]:
        """Yield what may be loaded for the file, the best first: its twin if there is one, then itself, pinned.

        Raises:
            ManifestError: As for `pin`.
        """
        twin = self.twin(file)
        if twin is not None:
            yield twin
        yield self.pin(file)


def _facts(content: bytes) -> Iterator[tuple[str, FileFact]]:
    if len(content) > MANIFEST_LIMIT:
        raise ValueError(f"it has {len(content):,} bytes; at most {MANIFEST_LIMIT:,} are taken for a manifest")
    document = json.loads(content, object_pairs_hook=_without_duplicates)
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError(f"expected a JSON object with the format {_FORMAT!r}")
    if document.get("version") != _VERSION:
        raise ValueError(f"expected version {_VERSION}, found {document.get('version')!r}: a newer zoo may read it")
    files = document.get("files")
    if not isinstance(files, dict):
        raise ValueError("expected an object 'files'")
    for path, raw in files.items():
        check_path(path)
        yield path, _fact(path, raw)


def _fact(path: str, raw: object) -> FileFact:
    if not isinstance(raw, dict):
        raise ValueError(f"{path!r}: expected an object, found {raw!r}")
    size, reason = raw.get("bytes"), raw.get("without_twin")
    if size is not None and not (type(size) is int and 0 <= size < 2**63):
        raise ValueError(f"{path!r}: expected a number of bytes, found {size!r}")
    if not isinstance(reason, str | None):
        raise ValueError(f"{path!r}: expected a text for 'without_twin', found {reason!r}")
    _check_text(reason or "")
    twin_of = None if raw.get("twin_of") is None else _full_digest(path, raw["twin_of"])
    return FileFact(_full_digest(path, raw.get("sha256")), size, twin_of, reason)


def _full_digest(path: str, text: object) -> str:
    if not (isinstance(text, str) and re.fullmatch(r"[0-9a-f]{64}", text)):
        raise ValueError(f"{path!r}: expected the 64 lower-case hexadecimal digits of a SHA-256, found {text!r}")
    return text


def check_path(path: str) -> None:
    """Raise a `ValueError` for a path that could lead out of its folder, or has a character that no file name has."""
    if any(part in {"", ".", ".."} for part in path.split("/")) or re.search(r"[\\:\x00-\x1f]", path):
        raise ValueError(f"{path!r} is not a path inside it")
    _check_text(path)


def _check_text(text: str) -> None:
    """Raise a `ValueError` for a text with half of a character (a lone surrogate), which cannot be written anywhere."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} has half of a character") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in an object")
    return found
