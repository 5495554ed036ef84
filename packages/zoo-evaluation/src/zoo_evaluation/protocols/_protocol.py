"""Protocols, read from `protocols.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from zoo_core.names import closest


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a number is measured.

    Args:
        name: As `--protocol` takes it.
        version: Grows when numbers could change.
        task: The task whose models it is for.
        more_tasks: Others, whose models give the same.
        dataset: What weights entries call the data set, with its split; empty for people's own.
        title: The same for people.
        count: How many samples there should be.
        num_classes: How many classes there should be.
        preprocessing: What is done to a sample, in words.
        aggregation: How samples become numbers, in words.
        metrics: The names of the numbers, as weights entries have them.
        batch_size: Samples at once; others may change the last digit.
        settings: What the evaluation of the task and its layouts are told beyond that.
        reproducible: Whether the number can be measured by anybody who has the data.
        reason: Why not, or what else to know; empty if nothing.
        source: Where the protocol is stated.
    """

    name: str
    version: int
    task: str
    title: str
    metrics: tuple[str, ...]
    preprocessing: str
    aggregation: str
    more_tasks: tuple[str, ...] = ()
    dataset: str = ""
    count: int | None = None
    num_classes: int | None = None
    batch_size: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    reproducible: bool = True
    reason: str = ""
    source: str = ""

    def is_for(self, task: str) -> bool:
        """Tell whether it is for a task's models."""
        return task in {self.task, *self.more_tasks}


@cache
def _all() -> Mapping[str, Protocol]:
    content = json.loads(files(__package__).joinpath("protocols.json").read_text(encoding="utf-8"))
    found = {}
    for name, facts in content.items():
        settings = MappingProxyType(facts.get("settings", {}))
        lists = {key: tuple(facts.get(key, ())) for key in ("metrics", "more_tasks")}
        found[name] = Protocol(name=name, **facts | lists | {"settings": settings})
    return MappingProxyType(found)


def list_protocols() -> list[str]:
    """Return the names of all protocols.

    Example:
        >>> from zoo_evaluation import list_protocols
        >>> "imagenet-1k" in list_protocols()
        True
    """
    return list(_all())


def get_protocol(name: str) -> Protocol:
    """Return a protocol.

    Raises:
        ValueError: There is none of that name.

    Example:
        >>> from zoo_evaluation import get_protocol
        >>> get_protocol("imagenet-1k").count
        50000
    """
    try:
        return _all()[name]
    except KeyError:
        raise ValueError(f"There is no protocol {name!r}.{closest(name, _all())}") from None


def protocol_of(dataset: str, task: str) -> Protocol:
    """Return the protocol by which a weights entry's metrics on a data set were measured.

    Args:
        dataset: As the entry's `meta["_metrics"]` names it.
        task: The model's task: one data set may have several.

    Raises:
        ValueError: It is not known.

    Example:
        >>> from zoo_evaluation import protocol_of
        >>> protocol_of("ImageNet-1K", "classification").name
        'imagenet-1k'
    """
    for protocol in _all().values():
        if protocol.dataset == dataset and protocol.is_for(task):
            return protocol
    on = f" on {dataset!r}" if dataset else ""
    raise ValueError(f"No protocol is known for models of {task}{on}: see `zoo evaluate --list`.")


def protocol_for(task: str, published: str = "") -> Protocol:
    """Return the protocol for a data set: that of the published one which it is, else that of people's own.

    Args:
        task: The model's.
        published: As `Dataset.published` has it.

    Raises:
        ValueError: Models of that task are not evaluated on such.

    Example:
        >>> from zoo_evaluation.protocols import protocol_for
        >>> protocol_for("classification").name
        'images'
    """
    return protocol_of(published, task)
