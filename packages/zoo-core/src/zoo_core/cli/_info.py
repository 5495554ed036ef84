"""`zoo info`."""

from collections.abc import Callable
from typing import Any

import click

from zoo_core._registry import get_model_entry, get_model_weights
from zoo_core._weights import Preset, WeightsEnum
from zoo_core.files import Settings, find_local

from ._common import json_option, millions, print_json, user_errors, weights_named


@click.command("info")
@click.argument("name", metavar="MODEL|WEIGHTS")
@json_option
def command(name: str, as_json: bool) -> None:
    """Tell all about a model or a weights entry.

    \b
    zoo info resnet50
    zoo info ResNet50_Weights.IMAGENET1K_V2
    """
    with user_errors():
        is_weights = "." in name or name.endswith("Weights")
        facts = _weights_facts(weights_named([name])[0]) if is_weights else _model_facts(name)
    if as_json:
        print_json(facts)
    else:
        for key, value in facts.items():
            click.echo(f"{key:>12}  {_FOR_PEOPLE.get(key, _shown)(value)}")


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
    }


def _weights_facts(member: WeightsEnum) -> dict[str, Any]:
    meta, file = member.meta, member.file
    local = find_local(file, Settings.from_environment())
    facts = {
        "weights": str(member),
        "about": meta.pop("_docs", None),
        "metrics": meta.pop("_metrics", {}),
        "num_params": meta.pop("num_params", None),
        "categories": meta.pop("categories", None),
        "transforms": _preset_facts(member.transforms),
        "url": file.url,
        "sha256": str(file.digest) if file.digest else None,
        "bytes": file.size,
        "here": {"path": str(local.path), "verified": local.verified, "sha256": local.sha256} if local else None,
    }
    others = {key.removeprefix("_"): value for key, value in meta.items()}
    return facts | {key: str(value) if isinstance(value, WeightsEnum) else value for key, value in others.items()}


def _preset_facts(preset: object) -> dict[str, Any]:
    if not isinstance(preset, Preset):
        return {"preset": str(preset)}
    return {"preset": preset.target.rpartition(":")[2], **preset.keywords}


def _preset_text(facts: dict[str, Any]) -> str:
    arguments = ", ".join(f"{name}={value!r}" for name, value in facts.items() if name != "preset")
    return f"{facts['preset']}({arguments})"


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and value >= 100_000:
        return f"{value:,} ({millions(value)})"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_shown(inner)}" for name, inner in value.items())
    return str(value)


_FOR_PEOPLE: dict[str, Callable[[Any], str]] = {
    "categories": lambda names: f"{len(names)}: {', '.join(names[:3])}, …" if names else "-",
    "transforms": _preset_text,
    "sha256": lambda digest: digest or "unknown",
    "here": lambda found: f"{found['path']} (verified: {found['verified']})" if found else "not downloaded yet",
}
"""How single facts are shown, where not as they are in JSON."""
