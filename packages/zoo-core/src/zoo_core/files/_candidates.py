"""The copies of a file that are on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ._hub import HubMirror
from ._links import is_file
from ._manifest import MANIFEST_NAME
from ._manifests import manifest_if_here, manifest_label
from ._mirror import Mirror, forms_in
from ._receive import SourceError
from ._settings import Settings
from ._sources import find_in_folder, mirrors_of
from ._weights_file import WeightsFile


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place where a file may be.

    Args:
        place: What the place is called.
        path: What is there, right or wrong; `None` for nothing.
        file: What it must be: the published file, or a safetensors twin of it.
        reason: Why there is nothing.
        removable: Whether the place is a cache; the folders of `ZOO_WEIGHTS_PATH` are never written to.
    """

    place: str
    path: Path | None
    file: WeightsFile
    reason: str = "not there"
    removable: bool = True


def local_candidates(file: WeightsFile, settings: Settings) -> Iterator[Candidate]:
    """Yield every place the file, or its twin, may be in, in the order of preference. Makes no connection."""
    for folder in settings.search_path:
        yield from _in_search_path(file, folder)
    twins: dict[str, WeightsFile] = {}
    for mirror in mirrors_of(settings):
        if isinstance(mirror, HubMirror):
            yield from _in_hub_cache(file, mirror, settings)
        else:
            twins |= {form.name: form for form in _forms_here(file, mirror, settings) if form.name != file.name}
    for form in [*twins.values(), file]:
        path = settings.checkpoints / form.name
        yield Candidate(str(settings.checkpoints), path if is_file(path) else None, form)


def _in_search_path(file: WeightsFile, folder: Path) -> Iterator[Candidate]:
    place = f"{folder} (ZOO_WEIGHTS_PATH)"
    try:
        forms = list(forms_in(manifest_if_here(folder / MANIFEST_NAME, manifest_label(place)), file))
    except SourceError as error:
        yield Candidate(place, None, file, reason=str(error), removable=False)
        return
    for form in forms:
        yield Candidate(place, find_in_folder(folder, form), form, removable=False)


def _in_hub_cache(file: WeightsFile, mirror: HubMirror, settings: Settings) -> Iterator[Candidate]:
    place = f"cache of {mirror.label}"
    try:
        forms = mirror.forms_here(file, settings)
    except SourceError as error:
        yield Candidate(place, None, file, reason=str(error))
        return
    for form in forms:
        found = mirror.find(form, settings)
        yield Candidate(place, found, form)
        for path in mirror.find_in_other_commits(form, settings) if found is None else ():
            yield Candidate(place, path, form, removable=False)  # it may be right for its commit


def _forms_here(file: WeightsFile, mirror: Mirror, settings: Settings) -> list[WeightsFile]:
    try:
        return mirror.forms_here(file, settings)
    except SourceError:  # which fetching from it will say
        return []
