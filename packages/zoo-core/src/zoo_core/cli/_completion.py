"""What the shell offers when a user presses the tab key: names of models, weights, tasks and figures, without torch."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from zoo_core._registry import get_model_entry, is_saved_name, list_models

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], "list[str] | list[CompletionItem]"]


def _completer(names: Callable[[str], Iterable[str]], *, offers_folders: bool = False) -> Completer:
    """Make a function of what was typed so far into what click asks for; what cannot be listed is not offered."""

    def complete(context: click.Context, parameter: click.Parameter, typed: str) -> "list[str] | list[CompletionItem]":
        if offers_folders and is_saved_name(typed):
            return [] if typed.startswith("hf-hub:") else complete_folders(context, parameter, typed)
        try:
            return sorted(name for name in names(typed) if name.lower().startswith(typed.lower()))
        except Exception:  # noqa: BLE001 # a shell must not print a traceback between the keys of a user
            return []

    return complete


def _weights(typed: str) -> list[str]:
    """Return the entries of the enums that begin so; while none is typed, the enums would only be in the way."""
    from zoo_core._choose import choose_entries

    models = map(get_model_entry, list_models())
    enums = [model for model in models if (model.weights or "").startswith(typed.partition(".")[0])]
    return [name for name in map(str, choose_entries(enums)) if name.startswith(typed)] if typed else []


def _figures(_typed: str) -> list[str]:
    from zoo_core._choose import known_figures

    return known_figures()


def _tasks(_typed: str) -> list[str]:
    from zoo_core._choose import known_tasks

    return known_tasks()


def _datasets(_typed: str) -> list[str]:
    from zoo_core._choose import known_datasets

    return known_datasets()


def _families(_typed: str) -> list[str]:
    from zoo_core._choose import known_families

    return known_families()


def complete_folders(_context: click.Context, _parameter: click.Parameter, typed: str) -> "list[CompletionItem]":
    """Let the shell offer the folders that begin so, as those of saved models."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(typed, type="dir")]


def complete_entries(
    context: click.Context, parameter: click.Parameter, typed: str
) -> "list[str] | list[CompletionItem]":
    """Offer the entries of the model that `--model` names, as `--weights` takes them."""
    model = context.params.get("model")
    if not isinstance(model, str):
        return []
    if is_saved_name(model):
        return ["DEFAULT"]  # a Hub must not be asked between the keys of a user

    def members(_typed: str) -> list[str]:
        from zoo_core._choose import choose_entries

        return ["DEFAULT", *(entry.member for entry in choose_entries([get_model_entry(model)]))]

    return _completer(members)(context, parameter, typed)


complete_models = _completer(lambda _typed: list_models(), offers_folders=True)
complete_names = _completer(lambda typed: [*list_models(), *_weights(typed)], offers_folders=True)
complete_tasks = _completer(_tasks)
complete_figures = _completer(_figures)
complete_datasets = _completer(_datasets)
complete_families = _completer(_families)
