"""How the published numbers of a weights entry are checked, for `zoo info`."""

from typing import Any

from zoo_core import WeightsEnum, task_of

from ._protocol import Protocol, protocol_of


def describe(model: str, entry: WeightsEnum) -> dict[str, Any]:
    """Return the protocols of an entry's metrics under `"evaluation"`, each with the command that checks it.

    Args:
        model: The model's name.
        entry: Its weights.

    Raises:
        ValueError: There is no such model, or no protocol for what the entry states.

    Example:
        >>> from zoo_core import get_weight
        >>> from zoo_evaluation.protocols import describe
        >>> describe("resnet50", get_weight("ResNet50_Weights.IMAGENET1K_V2"))["evaluation"][0]["command"]
        'zoo evaluate resnet50 DATA --weights IMAGENET1K_V2 --protocol imagenet-1k'
    """
    task = task_of(model).name
    stated = entry.meta.get("_metrics", {})
    return {"evaluation": [_facts(protocol_of(each, task), model, entry, list(stated[each])) for each in stated]}


def _facts(protocol: Protocol, model: str, entry: WeightsEnum, metrics: list[str]) -> dict[str, Any]:
    command = f"zoo evaluate {model} DATA --weights {entry.name} --protocol {protocol.name}"
    return {
        "protocol": protocol.name,
        "data": protocol.title,
        "samples": protocol.count,
        "metrics": metrics,
        "command": command if protocol.reproducible else None,
        "reason": protocol.reason,
    }
