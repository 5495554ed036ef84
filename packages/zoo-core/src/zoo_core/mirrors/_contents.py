"""What a mirror holds of a weights entry: the published file, its safetensors twin, `config.json` and a model card."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self, TypeVar

from zoo_core._weights import WeightsEnum
from zoo_core.errors import ManifestError
from zoo_core.files import FileFact, Manifest, ResolvedFile, sha256_of
from zoo_core.files.manifests._format import TWIN_SUFFIX

from ._cards import config_text, entry_card

T = TypeVar("T")

CARD_NAME, CONFIG_NAME = "README.md", "config.json"


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an entry that was to be added to a mirror.

    Args:
        member: The entry.
        original: What the mirror's manifest states of the published file.
        is_new: Whether it was missing.
        is_learnt: Whether the catalogue knows only the first digits of the file's SHA-256, or none.
    """

    member: WeightsEnum
    original: FileFact
    is_new: bool
    is_learnt: bool

    @classmethod
    def of(cls, member: WeightsEnum, manifest: Manifest, *, is_new: bool) -> Self:
        """Read an entry that is in a mirror off its manifest."""
        digest = member.file.digest
        is_learnt = digest is None or not digest.is_full
        return cls(member, manifest.files[f"{member}/{member.file.name}"], is_new, is_learnt)


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of an entry, here or as bytes, by path in the mirror, and what its manifest states of each."""

    files: Mapping[str, Path | bytes]
    facts: Mapping[str, FileFact]


def contents_of(member: WeightsEnum, original: ResolvedFile, scratch: Path, *, twins: bool) -> Contents:
    """Make what a mirror holds of an entry; with `twins`, a safetensors file too, in `scratch`, where one is possible.

    Raises:
        CheckpointError: The file cannot be read as a checkpoint.
    """
    name = member.file.name
    files: dict[str, Path | bytes] = {name: original.path}
    facts = {name: FileFact(original.sha256, original.path.stat().st_size)}
    if twins and not name.endswith(TWIN_SUFFIX):
        twin = scratch / twin_name(name)
        from ._twins import write_twin  # imports torch

        reason = write_twin(original.path, twin)
        if reason is None:
            files[twin.name] = twin
            facts[twin.name] = FileFact(sha256_of(twin), twin.stat().st_size, twin_of=original.sha256)
        else:
            facts[name] = FileFact(original.sha256, facts[name].size, without_twin=reason)
    texts = {CONFIG_NAME: config_text(member).encode(), CARD_NAME: entry_card(member, facts).encode()}
    facts |= {name: FileFact(hashlib.sha256(text).hexdigest(), len(text)) for name, text in texts.items()}
    return Contents(_in_folder(member, files | texts), _in_folder(member, facts))


def is_listed(member: WeightsEnum, manifest: Manifest, *, twins: bool) -> bool:
    """Tell whether a manifest, which must not contradict the catalogue, has all that a mirror holds of an entry."""
    file = member.file
    path = f"{member}/{file.name}"
    if manifest.path_of(file) != path or manifest.pin(file).digest is None:
        return False
    fact = manifest.files[path]
    twin = manifest.files.get(f"{member}/{twin_name(file.name)}")
    has_twin = path.endswith(TWIN_SUFFIX) or fact.without_twin is not None or (twin and twin.twin_of == fact.sha256)
    has_texts = all(f"{member}/{name}" in manifest.files for name in (CARD_NAME, CONFIG_NAME))
    return has_texts and (bool(has_twin) or not twins)


def paths_of(member: WeightsEnum, manifest: Manifest) -> list[str]:
    """Return the paths that a manifest has in the folder of an entry."""
    return [path for path in manifest.files if path.startswith(f"{member}/")]


def check_learnt(member: WeightsEnum, contents: Contents, manifest: Manifest) -> None:
    """Refuse a published file other than the one that a mirror has already."""
    path = f"{member}/{member.file.name}"
    known, found = manifest.files.get(path), contents.facts[path]
    if known is not None and known.sha256 != found.sha256:
        raise ManifestError(
            f"{path}: the mirror has SHA-256 {known.sha256}, the sources give {found.sha256}. Both agree with the "
            f"catalogue: find out which is right, and remove the other."
        )


def twin_name(name: str) -> str:
    """Return what the safetensors twin of a file is called."""
    return PurePosixPath(name).with_suffix(TWIN_SUFFIX).name


def _in_folder(member: WeightsEnum, by_name: Mapping[str, T]) -> dict[str, T]:
    return {f"{member}/{name}": value for name, value in by_name.items()}
