"""Saved models in bundles: all their files, in a folder that says their name, and for a Hub their commit.

`local-dir/runs/digits/model.safetensors`; `hf-hub/organisation/name@branch/0123…/model.safetensors`.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from zoo_core.errors import BundleError
from zoo_core.files import MANIFEST_NAME, Manifest, Settings
from zoo_core.files.manifests._format import MANIFEST_LIMIT
from zoo_core.files.manifests._on_disk import pin_to_lock, read_manifest
from zoo_core.files.sources._hub_cache import CacheEntry
from zoo_core.files.store._paths import is_file, temporary_beside
from zoo_core.files.store._weights_file import LARGEST_FILE
from zoo_core.saved import Config, SavedModel
from zoo_core.saved._config import CARD_NAME, CONFIG_LIMIT, CONFIG_NAME, WEIGHTS_NAME
from zoo_core.saved._copies import fetch_all, manifest_of, write_folder, write_verified
from zoo_core.saved._names import FolderName, HubName, parse_name
from zoo_core.saved._places import Repository, place_of

from ._content import Content
from ._read import Bundle

Contents: TypeAlias = Mapping[str, Iterable[bytes]]
"""The bytes of files by name."""


def contents_of_saved(saved: SavedModel, settings: Settings, *, progress: bool) -> dict[str, Content]:
    """Return what of a saved model goes into a bundle, by path.

    Raises:
        BundleError: It is a folder by an absolute path, or one that leads up: it could not be put there elsewhere.
        WeightsUnavailableError: A file cannot be had.
    """
    found = fetch_all(saved, settings, progress=progress)
    folder = _folder_of(saved, settings)
    contents = {f"{folder}/{name}": Content.of_file(file) for name, file in found.items()}
    return contents | {f"{folder}/{MANIFEST_NAME}": Content.of_bytes(manifest_of(saved, found).to_json())}


def _folder_of(saved: SavedModel, settings: Settings) -> str:
    inside = saved.weights_file.folder
    if isinstance(saved.place, Repository):
        return f"{inside}/{saved.place.commit_here(settings)}"
    path = PurePosixPath(saved.name.partition(":")[2])
    if path.is_absolute() or path == PurePosixPath() or not _is_relative(inside):
        raise BundleError(
            f"{saved.name} cannot be bundled by this path, under which it could not be put on another machine: go to a "
            "folder above it, and give the path from there."
        )
    return inside


def _is_relative(path: str) -> bool:
    """Tell whether a path in a bundle, which has passed `check_path`, is that of a folder as it was named."""
    return "%" not in path and "~" not in path


def is_of_saved(path: str) -> bool:
    """Tell whether a file in a bundle belongs to a saved model."""
    return path.partition("/")[0] in {"local-dir", "hf-hub"}


def saved_folders(manifest: Manifest) -> list[str]:
    """Return the folders of saved models in a bundle."""
    return sorted({path.rpartition("/")[0] for path in manifest.files if is_of_saved(path)})


@dataclass(frozen=True, slots=True)
class Plan:
    """How a saved model of a bundle comes to its place here.

    Args:
        model: Its name.
        path: Where its weights will be, or are.
        is_new: Whether they are not there yet.
        load: Puts it there.
    """

    model: str
    path: Path
    is_new: bool
    load: Callable[[], None]


def plan_saved(bundle: Bundle, folder: str, settings: Settings, target: Path) -> Plan:
    """Check a saved model in a bundle, and say where it goes. Nothing is written.

    Raises:
        BundleError: It is not whole, or something else is where it belongs.
        SavedModelError: Its `config.json` cannot be used.
        ManifestError: The lock file (`ZOO_LOCK`) lacks it, or states something else.
    """
    manifest = _checked(bundle, folder)
    kind, _, path = folder.partition("/")
    commit = ""
    if kind == "hf-hub":
        path, _, commit = path.rpartition("/")
    name = parse_name(f"{kind}:{path}")
    has_commit = re.fullmatch("[0-9a-f]{40}", commit) is not None
    if name is None or not _is_relative(path) or has_commit != isinstance(name, HubName):
        raise BundleError(f"{folder} is no folder of a saved model")
    for each in (WEIGHTS_NAME, CONFIG_NAME):
        pin_to_lock(place_of(name).file(each, manifest), settings)
    contents = {each: bundle.blocks(f"{folder}/{each}") for each in manifest.files}
    if isinstance(name, HubName):
        return _into_cache(name, commit, contents, manifest, settings)
    return _into_folder(name, target.absolute() / path, contents, manifest)


def _into_folder(name: FolderName, where: Path, contents: Contents, manifest: Manifest) -> Plan:
    is_here = _is_here(where, manifest)
    if not is_here and any((where / each).exists() for each in (*manifest.files, MANIFEST_NAME)):
        raise BundleError(f"{where} is there already, and is another model than the bundle's: move it away")
    return Plan(name.text, where / WEIGHTS_NAME, not is_here, lambda: write_folder(where, contents, manifest))


def _into_cache(name: HubName, commit: str, contents: Contents, manifest: Manifest, settings: Settings) -> Plan:
    repository = settings.hub_cache / f"models--{name.repo.replace('/', '--')}"
    where = repository / "snapshots" / commit

    def load() -> None:
        for each, blocks in contents.items():
            _put(repository, commit, each, manifest.files[each].sha256, blocks)
        content = manifest.to_json()
        _put(repository, commit, MANIFEST_NAME, hashlib.sha256(content).hexdigest(), [content])
        CacheEntry(repository, commit, MANIFEST_NAME, commit).remember(name.revision)

    noted = repository / "refs" / name.revision
    is_known = name.revision == commit or (is_file(noted) and noted.read_bytes() == commit.encode())
    return Plan(name.text, where / WEIGHTS_NAME, not (is_known and _is_here(where, manifest)), load)


def _put(repository: Path, commit: str, name: str, sha256: str, blocks: Iterable[bytes]) -> None:
    """Put a file into the cache of a Hub, named by its SHA-256 as the Hub names large ones."""
    entry = CacheEntry(repository, commit, name, sha256)
    entry.blob.parent.mkdir(parents=True, exist_ok=True)
    whole = temporary_beside(entry.blob)
    try:
        write_verified(whole, blocks, sha256)
        entry.place(whole)
    finally:
        whole.unlink(missing_ok=True)


def _is_here(where: Path, manifest: Manifest) -> bool:
    here = read_manifest(where / MANIFEST_NAME, f"{where / MANIFEST_NAME}").files
    return all(is_file(where / each) and here.get(each) == fact for each, fact in manifest.files.items())


def _checked(bundle: Bundle, folder: str) -> Manifest:
    """Return the manifest of a model in a bundle, which must state what the bundle's own states, and a config."""
    paths = {PurePosixPath(path).name: path for path in bundle.manifest.files if path.rpartition("/")[0] == folder}
    facts = {name: bundle.manifest.files[path] for name, path in paths.items()}
    for name, limit in ((MANIFEST_NAME, MANIFEST_LIMIT), (CONFIG_NAME, CONFIG_LIMIT), (WEIGHTS_NAME, LARGEST_FILE)):
        if name not in facts or (facts[name].size or 0) > limit:
            raise BundleError(f"{folder} has no {name} that can be used")
    manifest = Manifest.parse(b"".join(bundle.blocks(paths[MANIFEST_NAME])), paths[MANIFEST_NAME])
    del facts[MANIFEST_NAME]
    if facts != dict(manifest.files) or facts.keys() - {CONFIG_NAME, WEIGHTS_NAME, CARD_NAME}:
        raise BundleError(f"{folder} is not what its {MANIFEST_NAME} states")
    Config.parse(b"".join(bundle.blocks(paths[CONFIG_NAME])), paths[CONFIG_NAME])
    return manifest
