"""Model cards: README.md of an entry's folder, and of a mirror's top."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from zoo_core._registry import get_weight, get_weights_entry
from zoo_core._weights import WeightsEnum
from zoo_core.files import FileFact, Manifest

from ._config import more_arguments, preprocessing_of

_PIPELINES = {
    "classification": "image-classification",
    "quantization": "image-classification",
    "segmentation": "image-segmentation",
    "detection": "object-detection",
    "video": "video-classification",
}
"""What the Hub calls our tasks, where it has a name for them."""


def entry_card(member: WeightsEnum, files: Mapping[str, FileFact]) -> str:
    """Return the card of an entry.

    Args:
        member: The entry.
        files: Its files, by name.
    """
    entry, meta = get_weights_entry(member), member.meta
    facts = {
        "Model": f"`{entry.name}` (`{entry.module}.{entry.builder}`)",
        "Task": entry.task,
        "Trained on": meta.get("dataset"),
        "Licence": meta.get("license"),
        "Parameters": f"{meta['num_params']:,}" if "num_params" in meta else None,
        "Multiply-adds": f"{meta['_ops']:g} billion" if meta.get("_ops") else None,
        "Recipe": meta.get("recipe"),
        "Published at": member.url,
    }
    sections = [
        _front_matter(_entry_metadata(member)),
        f"# {member}",
        str(meta.get("_docs", "")),
        _table(("", ""), [(name, value) for name, value in facts.items() if value]),
        "## Metrics",
        _table(("Dataset", "Metric", "Value"), list(_metrics(meta))) if any(_metrics(meta)) else "None is published.",
        "## Preprocessing",
        f"```json\n{json.dumps(preprocessing_of(member), indent=1, default=str)}\n```",
        "## Files",
        _table(
            ("File", "Bytes", "SHA-256"),
            [(f"`{name}`", f"{fact.size:,}", f"`{fact.sha256}`") for name, fact in sorted(files.items())],
        ),
        *(f"No safetensors file: {fact.without_twin}." for fact in files.values() if fact.without_twin),
        "## Use",
        _use(member, entry.name),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def mirror_card(manifest: Manifest, address: str) -> str:
    """Return the card at the top of a mirror.

    Args:
        manifest: What is in the mirror.
        address: The mirror as `ZOO_MIRRORS` names it.
    """
    entries = sorted({path.partition("/")[0] for path in manifest.files if "/" in path})
    sections = [
        _front_matter({"library_name": "zoo", "license": "other", "license_name": "see-each-entry", "tags": _tags()}),
        "# Weights for zoo",
        "A mirror of published weights, unchanged; every file's SHA-256 and size are in `manifest.json`. "
        "The weights keep the licences of those who published them: see each entry.",
        f"```bash\nexport ZOO_MIRRORS={address}\nzoo mirror verify {address}\n```",
        _table(("Weights", "Task", "Metrics", "Licence", "Safetensors"), [_row(name, manifest) for name in entries]),
    ]
    return "\n\n".join(sections) + "\n"


def _row(name: str, manifest: Manifest) -> tuple[object, ...]:
    has_twin = any(fact.twin_of and path.startswith(f"{name}/") for path, fact in manifest.files.items())
    link, safetensors = f"[{name}]({name}/README.md)", "yes" if has_twin else "no"
    try:
        member = get_weight(name)
    except (ValueError, KeyError):  # of a package that is not installed here
        return link, "", "", "", safetensors
    meta = member.meta
    metrics = "; ".join(f"{metric} {value:g} ({dataset})" for dataset, metric, value in _metrics(meta))
    return link, get_weights_entry(member).task, metrics, meta.get("license"), safetensors


def _entry_metadata(member: WeightsEnum) -> dict[str, object]:
    task, meta = get_weights_entry(member).task, member.meta
    metadata: dict[str, object] = {"library_name": "zoo", **_licence(meta.get("license"))}
    if task in _PIPELINES:
        metadata["pipeline_tag"] = _PIPELINES[task]
    metadata["tags"] = _tags(task)
    results = [
        {
            "task": {"type": _PIPELINES.get(task, task)},
            "dataset": {"name": dataset, "type": dataset.lower().replace(" ", "-").replace(",", "")},
            "metrics": [{"type": metric, "name": metric, "value": value}],
        }
        for dataset, metric, value in _metrics(meta)
    ]
    return metadata | ({"model-index": [{"name": str(member), "results": results}]} if results else {})


def _licence(text: str | None) -> dict[str, str]:
    """Return the licence as the Hub writes it: an identifier, or a name of its own with a link."""
    if text is None or text == "unknown":
        return {"license": "unknown"}
    if "://" in text:
        return {"license": "other", "license_name": "of-the-publisher", "license_link": text}
    return {"license": text.lower()}


def _tags(*more: str) -> list[str]:
    return ["pytorch", "vision", *more]


def _metrics(meta: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    for dataset, values in meta.get("_metrics", {}).items():
        yield from ((dataset, metric, value) for metric, value in values.items() if not math.isnan(value))


def _front_matter(metadata: Mapping[str, object]) -> str:
    """Write metadata between lines of `---`, each value as JSON, which is YAML as well."""
    lines = (f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in metadata.items())
    return "\n".join(["---", *lines, "---"])


def _table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


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
