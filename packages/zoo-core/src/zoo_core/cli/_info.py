"""`zoo info`."""

from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any

import click

from zoo_core._entry_points import entry_points
from zoo_core._registry import find_saved, find_task, get_model_entry, get_model_weights, get_weights_entry
from zoo_core._weights import Preset, WeightsEnum
from zoo_core.files import find_local
from zoo_core.names import load_reference
from zoo_core.saved import OwnModel, OwnWeights, SavedModel

from ._common import json_option, mebibytes, metrics_text, millions, settings_here, user_errors, weights_named
from ._completion import complete_names
from ._tables import print_hanging
from ._terminal import print_json

GROUP = "zoo.info"
"""Entry points of torch-free functions: `(model's name, weights entry)` to facts by name, as JSON takes them."""


@click.command("info")
@click.argument("name", metavar="MODEL|WEIGHTS", shell_complete=complete_names)
@json_option
def command(name: str, as_json: bool) -> None:
    """Tell all about a model or a weights entry.

    \b
    zoo info resnet50
    zoo info ResNet50_Weights.IMAGENET1K_V2
    zoo info runs/digits
    zoo info hf-hub:organisation/name
    """
    with user_errors():
        facts = _facts(name)
    if as_json:
        print_json(facts)
    else:
        rows = list(_for_people(facts))
        width = max(12, *(len(key) for key, _ in rows))
        for key, lines in rows:
            for title, line in zip_longest((key,), lines, fillvalue=""):
                print_hanging(f"{title:>{width}}  ", line)


def _facts(name: str) -> dict[str, Any]:
    saved = find_saved(name)
    if saved is not None:
        return _own_facts(saved)
    is_weights = "." in name or name.endswith("Weights")
    return _weights_facts(weights_named([name])[0]) if is_weights else _model_facts(name)


def _own_facts(model: OwnModel) -> dict[str, Any]:
    """Return what there is to know about a model of one's own, saved or in a file, and its only weights."""
    facts = _weights_facts(get_model_weights(model.name)["DEFAULT"])
    del facts["weights"], facts["about"]
    facts = {"model": model.name, **facts, **model.info}
    facts = {name: facts[name] for name in ("model", *model.info, *facts)}
    return facts | ({"config_sha256": str(model.config_file.digest)} if isinstance(model, SavedModel) else {})


def _model_facts(name: str) -> dict[str, Any]:
    entry = get_model_entry(name)
    facts: dict[str, Any] = {
        "model": entry.name,
        "task": entry.task,
        "family": entry.family,
        "builder": f"{entry.module}.{entry.builder}",
    }
    if entry.weights is None:
        return facts
    enum = get_model_weights(name)
    default = enum.verify("DEFAULT")
    return facts | {
        "weights": [str(member) for member in enum],
        "default": str(default) if default else None,
        "num_params": default.meta.get("num_params") if default else None,
        "metrics": {str(member): member.meta.get("_metrics", {}) for member in enum},
    }


def _weights_facts(member: WeightsEnum) -> dict[str, Any]:
    meta, file, preset = member.meta, member.file, member.transforms
    local = find_local(file, settings_here())
    facts = {
        "weights": str(member),
        "about": meta.pop("_docs", None),
        "metrics": meta.pop("_metrics", {}),
        "num_params": meta.pop("num_params", None),
        "categories": meta.pop("categories", None),
        "transforms": {"preset": preset.target.rpartition(":")[2], **preset.keywords}
        if isinstance(preset, Preset)
        else {"preset": str(preset)},
        "url": file.url,
        "sha256": str(file.digest) if file.digest else None,
        "bytes": file.size,
        "here": {"path": str(local.path), "verified": local.verified, "sha256": local.sha256} if local else None,
    }
    if not isinstance(member, OwnWeights):  # what other packages know is about published weights
        facts |= _facts_of_plug_ins(member)
    others = {key.removeprefix("_"): value for key, value in meta.items()}
    return facts | {key: str(value) if isinstance(value, WeightsEnum) else value for key, value in others.items()}


def _for_people(facts: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the facts as lines under titles, with units; the entries of a model with their metrics."""
    titles = {"ops": "GFLOPs", "num_params": "parameters", "bytes": "size"}
    titles |= {"config_sha256": "its config"}
    titles |= {"license_stated_by": "stated by", "license_link": "licence at", "dataset_terms": "data terms"}
    hidden = {"file_size", *(key for key in ("about", "categories") if facts.get(key) is None)}
    if facts.get("bytes") is None and facts.get("file_size") is not None:
        facts = facts | {"bytes": facts["file_size"] * 2**20}
    if "default" in facts:
        hidden.add("metrics")
    for key, value in facts.items():
        if key == "weights" and "default" in facts:
            yield key, [f"{name}  {metrics_text(facts['metrics'][name])}".rstrip() for name in value]
        elif key not in hidden:
            yield titles.get(key, key), [_FOR_PEOPLE.get(key, _shown)(value)]


def _facts_of_plug_ins(member: WeightsEnum) -> dict[str, Any]:
    """Return what other packages know of an entry; a broken one says so."""
    facts, model = dict[str, Any](), get_weights_entry(member)
    for point in entry_points(GROUP):
        try:
            facts |= load_reference(point.value)(model.name, member)
        except Exception as error:  # noqa: BLE001 # a stranger's code
            facts[point.name] = f"{point.value} is broken: {type(error).__name__}: {error}"
    task = find_task(model.task)
    if "evaluation" not in facts and member.meta.get("_metrics") and task is not None and task.evaluation is not None:
        package = task.evaluation.partition(".")[0].replace("_", "-")
        facts["evaluation"] = f"pip install {package}, to check the metrics"
    return facts


def _preset_text(facts: dict[str, Any]) -> str:
    arguments = ", ".join(f"{name}={value!r}" for name, value in facts.items() if name != "preset")
    return f"{facts['preset']}({arguments})"


def _dataset_terms(terms: dict[str, dict[str, str]]) -> str:
    return "; ".join(f"{name}: {facts['terms']} ({facts['source']})" for name, facts in terms.items())


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and value >= 100_000:
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_shown(inner)}" for name, inner in value.items())
    return str(value)


def _evaluation_text(found: Any) -> str:
    """Write what is known of each protocol."""
    if isinstance(found, str):
        return found
    return "; ".join(f"{each['protocol']}: {each['command'] or each['reason']}" for each in found)


_FOR_PEOPLE: dict[str, Callable[[Any], str]] = {
    "categories": lambda names: f"{len(names)}: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}",
    "transforms": _preset_text,
    "publisher": lambda facts: f"{facts['repository']}, itself under {facts['license']} ({facts['source']})",
    "dataset_terms": _dataset_terms,
    "metrics": lambda metrics: metrics_text(metrics) or "-",
    "num_params": lambda count: f"{count:,} ({millions(count)})" if (count or 0) >= 100_000 else _shown(count),
    "bytes": lambda size: f"{size:,} bytes ({mebibytes(size)})" if isinstance(size, int) else mebibytes(size),
    "min_size": lambda sides: "-" if sides is None else f"{' x '.join(map(str, sides))} pixels",
    "ops": lambda count: "-" if count is None else f"{count} (10^9 multiply-adds an input)",
    "evaluation": _evaluation_text,
    "sha256": lambda digest: digest or "unknown",
    "here": lambda found: f"{found['path']} (verified: {found['verified']})" if found else "not downloaded yet",
}
"""How single facts are shown, where not as they are in JSON."""
