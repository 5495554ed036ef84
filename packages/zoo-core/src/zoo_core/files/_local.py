"""The copies of a file that are on this machine: where they may be, and which of them is right."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

from zoo_core._resources import is_file as is_resource
from zoo_core.errors import SourceError, WrongBytesError

from ._settings import Settings
from .manifests._format import MANIFEST_NAME
from .manifests._on_disk import manifest_if_here, manifest_label
from .sources._folder import find_in_folder
from .sources._mirror import CachedFile, forms_in
from .sources._named import mirrors_of, repository_of
from .store._paths import is_file
from .store._resolved_file import ResolvedFile
from .store._verify import Verifier
from .store._weights_file import FOLDER_SCHEME, PACKAGE_SCHEME, WeightsFile

logger = logging.getLogger("zoo")


def find_local(file: WeightsFile, settings: Settings, reasons: dict[str, str] | None = None) -> ResolvedFile | None:
    """Return the file if it is on this machine already and right. Makes no connection.

    Args:
        file: What to look for.
        settings: The folders to look in.
        reasons: Gets an entry for every place that does not have it, or has it wrong.
    """
    reasons = {} if reasons is None else reasons
    copies = local_copies(file, settings, reasons)
    return next(filter(None, (_verified(copy, settings, reasons) for copy in copies)), None)


def local_copies(file: WeightsFile, settings: Settings, reasons: dict[str, str]) -> Iterator[CachedFile]:
    """Yield every copy of the file, or its twin, that is here, the preferred first; add why places have none."""
    if file.stays_in_place:
        yield from _in_package(file, reasons) if file.is_in_package else _in_folder(file, reasons)
        return
    own = repository_of(file)
    if own is not None:
        yield from own.cached(file, settings, reasons)
        return
    for folder in settings.search_path:
        yield from _in_search_path(file, folder, reasons)
    twins: dict[str, WeightsFile] = {}
    for mirror in mirrors_of(settings):
        if mirror.has_cache:
            yield from mirror.cached(file, settings, reasons)
        else:
            with suppress(SourceError):  # which fetching from it will say
                twins |= {form.name: form for form in mirror.forms_here(file, settings) if form.name != file.name}
    for form in [*twins.values(), file]:
        yield from _among_downloads(form, settings.checkpoints, reasons)


def _among_downloads(form: WeightsFile, folder: Path, reasons: dict[str, str]) -> Iterator[CachedFile]:
    """Yield the file under its name in the cache, and under the published one, where torchvision keeps it.

    A published name without a digest may be another file's, so that what is there is used only if a digest says that
    it is this one, and is otherwise left alone.
    """
    name, place = form.name_in_cache, str(folder)
    path = folder / name
    if is_file(path):
        yield CachedFile(form, path, place)
    else:
        reasons.setdefault(place, "not there")
    if name != form.name and form.digest is not None and is_file(folder / form.name):
        place = f"{folder / form.name} (a name that others may use)"
        yield CachedFile(form, folder / form.name, place, removable=False)


def _in_package(file: WeightsFile, reasons: dict[str, str]) -> Iterator[CachedFile]:
    package, _, inside = file.url.removeprefix(PACKAGE_SCHEME).partition("/")
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or ()
    for path in (Path(folder) / inside for folder in folders):
        if path.is_file():
            yield CachedFile(file, path, f"package {package}", removable=False)
            return
    is_packed = any(is_resource(str(Path(folder) / inside)) for folder in folders)
    packed = f"has {inside} in an archive, out of which weights cannot be mapped into memory: unpack it to a folder"
    reasons[f"package {package}"] = packed if is_packed else f"has no file {inside}: install it again"


def _in_folder(file: WeightsFile, reasons: dict[str, str]) -> Iterator[CachedFile]:
    path = Path(unquote(file.url.removeprefix(FOLDER_SCHEME)))
    if is_file(path):
        yield CachedFile(file, path, str(path.parent), removable=False)
    else:
        reasons[str(path.parent)] = f"has no file {file.name}"


def _in_search_path(file: WeightsFile, folder: Path, reasons: dict[str, str]) -> Iterator[CachedFile]:
    place = f"{folder} (ZOO_WEIGHTS_PATH)"
    try:
        forms = list(forms_in(manifest_if_here(folder / MANIFEST_NAME, manifest_label(place)), file))
    except SourceError as error:
        reasons.setdefault(place, str(error))
        return
    for form in forms:
        path = find_in_folder(folder, form)
        if path is None:
            reasons.setdefault(place, "not there")
        else:
            yield CachedFile(form, path, place, removable=False)


def _verified(copy: CachedFile, settings: Settings, reasons: dict[str, str]) -> ResolvedFile | None:
    verifier, place = Verifier.of(settings), copy.place
    try:
        return verifier.resolved(copy.path, copy.file, place)
    except WrongBytesError as error:
        may_move = copy.removable and settings.lock is None
        kept = verifier.put_away(copy.path, copy.file.name, error.found) if may_move else None
        reasons[place] = f"{error}; kept for a look at {kept}" if kept else str(error)
    except SourceError as error:
        reasons[place] = str(error)
        return None
    except OSError as error:
        reasons[place] = f"cannot be read: {error}"
    logger.warning("%s: %s", place, reasons[place])
    return None
