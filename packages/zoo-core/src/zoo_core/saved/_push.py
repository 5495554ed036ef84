"""Publishes a saved model in a repository on a Hub, in one commit."""

import hashlib
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core._packages import model_file_finder
from zoo_core._registry import get_model_weights
from zoo_core.errors import AbsentError, NoRepositoryError, SavedModelError, SourceError
from zoo_core.files import MANIFEST_NAME, Manifest, Settings, sha256_of
from zoo_core.files.manifests._format import MANIFEST_LIMIT
from zoo_core.files.sources._asked_once import forget_answers
from zoo_core.files.sources._hub_client import ask_commit, ask_file, hub_api, hub_endpoint, hub_errors_explained

from ._config import CARD_NAME
from ._copies import fetch_all, manifest_of
from ._model import SavedModel, find_saved
from ._names import LOCAL, FolderName, HubName, parse_name
from ._own_weights import refuse_model_files

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from torch import nn
else:
    from zoo_core.names import Later

    nn = Later("torch.nn")

_LARGEST_CARD = 16 * 2**20


def push_model(
    model: "nn.Module | str | os.PathLike[str]",
    repo: str,
    *,
    private: bool = False,
    message: str | None = None,
    **details: Any,  # as save_model has them
) -> str:
    """Publish a model in a Hub repository, from where `hf-hub:organisation/name` builds it.

    The repository is made if need be, and gets one commit, on the branch that `repo` names. Of a folder, its README is
    published as it is. One that was changed on the Hub stays, if the folder has none of its own.

    Args:
        model: A model, or the folder of a saved one.
        repo: `"organisation/name"`, or `"organisation/name@branch"` for a branch that exists.
        private: Whether a new repository is to be private.
        message: Of the commit.
        **details: Of a model: what `save_model` takes, `categories=` and `metrics=`, for instance.

    Returns:
        The name of what was published, with its commit: `"hf-hub:organisation/name@0123…"`.

    Raises:
        ValueError: `repo` is no such name, or the model cannot be saved.
        SavedModelError: The folder has no saved model.
        WeightsUnavailableError: A file of it is missing, or not the one that was saved.
        OSError: The Hub refuses, or does not answer.

    Example:
        >>> from zoo_core import push_model
        >>> push_model("runs/digits", "org/digits")  # doctest: +SKIP
        'hf-hub:org/digits@2f9d8a…'
    """
    name = parse_name(f"hf-hub:{repo.removeprefix('hf-hub:')}")
    assert isinstance(name, HubName)
    if Settings.from_environment().offline:
        raise OSError("zoo is offline (ZOO_OFFLINE or HF_HUB_OFFLINE is set): nothing can be pushed.")
    with ExitStack() as stack:
        if isinstance(model, str | os.PathLike):
            if details:
                raise ValueError(f"{os.fspath(model)} is saved already: {', '.join(details)} cannot be changed.")
            saved = _saved_in(os.fspath(model))
        else:
            from ._save import save_model  # imports torch

            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="zoo-push-"))
            saved = save_model(model, Path(scratch) / name.repo.partition("/")[2], **details)
        commit = _commit(saved, name, private=private, message=message or f"Add {saved.config.architecture}")
    forget_answers()  # of the Hub, which would answer otherwise now
    return HubName(name.repo, commit).text


def _saved_in(folder: str) -> SavedModel:
    if model_file_finder(folder) is not None:
        refuse_model_files(
            [get_model_weights(folder)["DEFAULT"]], "what is published is a saved model; upload these files as they are"
        )
    saved = find_saved(folder if folder.startswith(LOCAL) else f"{LOCAL}{folder}")
    assert saved is not None
    return saved


def _commit(saved: SavedModel, name: HubName, *, private: bool, message: str) -> str:
    endpoint = hub_endpoint()
    api = hub_api(endpoint)
    paths = {path: file.path for path, file in fetch_all(saved, Settings.from_environment(), progress=False).items()}
    manifest = manifest_of(saved, paths)
    own_card = _own_card(saved)
    try:
        with hub_errors_explained():
            _make_sure(api, endpoint, name, private=private)
            if own_card is not None:
                paths[CARD_NAME] = own_card
            elif _has_other_card(endpoint, name):
                paths.pop(CARD_NAME, None)
                manifest = manifest_of(saved, paths)
            from huggingface_hub import CommitOperationAdd

            operations = [CommitOperationAdd(path, str(file)) for path, file in paths.items()]
            operations.append(CommitOperationAdd(MANIFEST_NAME, manifest.to_json()))
            commit = api.create_commit(name.repo, operations, commit_message=message, revision=name.revision)
    except SourceError as error:
        raise OSError(f"{name.text}: {error}") from error
    except ValueError as error:  # as the client says of a README whose metadata the Hub does not take
        raise SavedModelError(f"{name.text}: the Hub does not take the files: {error}") from error
    return str(commit.oid)


def _make_sure(api: "HfApi", endpoint: str, name: HubName, *, private: bool) -> None:
    """Create the repository where there is none, and see that it has the revision.

    The Hub is asked first: its client would try for half a minute where none answers.
    """
    try:
        ask_commit(endpoint, name.repo, "main")
    except NoRepositoryError:
        api.create_repo(name.repo, private=private, exist_ok=True)
    ask_commit(endpoint, name.repo, name.revision)


def _own_card(saved: SavedModel) -> Path | None:
    """Return the README of a model's folder that somebody has written, or changed; `None` for the one of zoo's."""
    place = parse_name(saved.name)
    if not isinstance(place, FolderName):
        return None
    card, stated = place.folder / CARD_NAME, saved.manifest.files.get(CARD_NAME)
    is_own = card.is_file() and (stated is None or sha256_of(card) != stated.sha256)
    return card if is_own else None


def _has_other_card(endpoint: str, name: HubName) -> bool:
    """Tell whether a repository has a README that is not the one which its manifest states."""
    try:
        _, card = ask_file(endpoint, name.repo, name.revision, CARD_NAME, _LARGEST_CARD)
    except AbsentError:
        return False
    try:
        _, content = ask_file(endpoint, name.repo, name.revision, MANIFEST_NAME, MANIFEST_LIMIT)
    except AbsentError:
        return True
    stated = Manifest.parse(content, MANIFEST_NAME).files.get(CARD_NAME)
    return stated is None or hashlib.sha256(card).hexdigest() != stated.sha256
