"""Model cards, README.md of an entry's folder and of a mirror's top; and `config.json`, which builds a model."""

import json
from collections.abc import Mapping
from typing import Any

from zoo_core._registry import find_task, get_weight, get_weights_entry
from zoo_core._weights import WeightsEnum
from zoo_core.files import FileFact, Manifest
from zoo_core.transforms._stated import preprocessing_of

from ._markdown import card, front_matter, metric_values, metrics_table, model_metadata, table, tags


def entry_card(member: WeightsEnum, files: Mapping[str, FileFact]) -> str:
    """Return the card of an entry with these files, by name."""
    entry, meta = get_weights_entry(member), member.meta
    facts = {
        "Model": f"`{entry.name}` (`{entry.module}.{entry.builder}`)",
        "Task": entry.task,
        "Trained on": meta.get("dataset"),
        **_licence_facts(meta),
        "Parameters": f"{meta['num_params']:,}" if "num_params" in meta else None,
        "Multiply-adds": f"{meta['_ops']:g} billion" if meta.get("_ops") else None,
        "Recipe": meta.get("recipe"),
        "Published at": member.url,
    }
    sections = [
        front_matter(model_metadata(str(member), entry.task, meta)),
        f"# {member}",
        str(meta.get("_docs", "")),
        table(("", ""), [(name, value) for name, value in facts.items() if value]),
        _dataset_terms(meta.get("dataset_terms", {})),
        "## Metrics",
        metrics_table(meta) or "None is published.",
        "## Preprocessing",
        f"```json\n{json.dumps(preprocessing_of(member), indent=1, default=str)}\n```",
        "## Files",
        table(
            ("File", "Bytes", "SHA-256"),
            [(f"`{name}`", f"{fact.size:,}", f"`{fact.sha256}`") for name, fact in sorted(files.items())],
        ),
        *(f"No safetensors file: {fact.without_twin}." for fact in files.values() if fact.without_twin),
        "## Use",
        _use(member, entry.name),
    ]
    return card(*sections)


def mirror_card(manifest: Manifest, address: str) -> str:
    """Return the card at the top of a mirror, which `ZOO_MIRRORS` names by its address."""
    entries = sorted({path.partition("/")[0] for path in manifest.files if "/" in path})
    sections = [
        front_matter({"library_name": "zoo", "license": "other", "license_name": "see-each-entry", "tags": tags()}),
        "# Weights for zoo",
        "A mirror of published weights, unchanged; every file's SHA-256 and size are in `manifest.json`. "
        "The weights keep the licences of those who published them: see each entry.",
        f"```bash\nexport ZOO_MIRRORS={address}\nzoo mirror verify {address}\n```",
        table(("Weights", "Task", "Metrics", "Licence", "Safetensors"), [_row(name, manifest) for name in entries]),
    ]
    return card(*sections)


def _row(name: str, manifest: Manifest) -> tuple[object, ...]:
    has_twin = any(fact.twin_of and path.startswith(f"{name}/") for path, fact in manifest.files.items())
    link, safetensors = f"[{name}]({name}/README.md)", "yes" if has_twin else "no"
    try:
        member = get_weight(name)
    except (ValueError, KeyError):  # of a package that is not installed here
        return link, "", "", "", safetensors
    meta = member.meta
    metrics = "; ".join(f"{metric} {value:g} ({dataset})" for dataset, metric, value in metric_values(meta))
    return link, get_weights_entry(member).task, metrics, meta.get("license"), safetensors


def _licence_facts(meta: Mapping[str, Any]) -> dict[str, str | None]:
    """Say which licence the weights have and who says so; and, as it may be all that is known, the publisher's."""
    publisher = meta.get("publisher")
    under = publisher and f"itself under [{publisher['license']}]({publisher['source']})"
    return {
        "Licence": meta.get("license"),
        "Licence stated by": meta.get("license_stated_by"),
        "Publisher": publisher and f"{publisher['repository']}, {under}",
    }


def _dataset_terms(terms: Mapping[str, Mapping[str, str]]) -> str:
    """Return the terms of the data sets that the weights were trained on, or nothing."""
    rows: list[tuple[object, ...]] = [(f"[{name}]({facts['source']})", facts["terms"]) for name, facts in terms.items()]
    return table(("Data set", "Terms"), rows) if rows else ""


def _use(member: WeightsEnum, model: str) -> str:
    more = "".join(f", {name}={value!r}" for name, value in more_arguments(member).items())
    return (
        "```python\n"
        "from zoo_core import get_model, get_weight\n\n"
        f'weights = get_weight("{member}")\n'
        f'model = get_model("{model}", weights=weights{more}).eval()\n'
        "preprocess = weights.transforms()\n"
        "```"
    )


def config_of(member: WeightsEnum) -> dict[str, Any]:
    """Return what `config.json` states of an entry.

    `get_model(config["architecture"], **config["arguments"])` builds the model with its weights;
    `config["preprocessing"]` has every argument of the preset, those that are its defaults, too.
    """
    entry, meta = get_weights_entry(member), member.meta
    categories = meta.get("categories")
    classes = {"num_classes": len(categories)} if categories else {}
    return {
        "library": "zoo",
        "architecture": entry.name,
        "builder": f"{entry.module}.{entry.builder}",
        "task": entry.task,
        "weights": str(member),
        "arguments": {"weights": member.name, **more_arguments(member)} | classes,
        "license": meta.get("license"),
        "num_params": meta.get("num_params"),
        "min_size": meta.get("min_size"),
        "preprocessing": preprocessing_of(member),
        "categories": categories,
    }


def more_arguments(member: WeightsEnum) -> dict[str, Any]:
    """Return what the builder of an entry's model needs beside the weights."""
    task = find_task(get_weights_entry(member).task)
    return dict(task.arguments) if task else {}


def config_text(member: WeightsEnum) -> str:
    """Return the contents of `config.json`."""
    return json.dumps(config_of(member), indent=1, ensure_ascii=False, default=str) + "\n"
