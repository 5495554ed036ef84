"""`config.json`: how a saved model's network is built, and the facts of its weights. Read with suspicion."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from zoo_core.errors import SavedModelError

CONFIG_NAME, WEIGHTS_NAME, CARD_NAME = "config.json", "model.safetensors", "README.md"
CONFIG_LIMIT = 16 * 2**20
"""Bytes above which nothing is taken for a `config.json`."""

FORMAT, VERSION = "zoo-model", 1

_TYPES: tuple[tuple[str, tuple[type, ...], bool], ...] = (
    ("min_size", (int,), True),
    ("min_temporal_size", (int,), False),
    ("frame_rate", (int, float), False),
    ("clip_len", (int,), False),
    ("clips_per_video", (int,), False),
    ("level", (str,), False),
    ("keypoint_names", (str,), True),
)
"""The facts that say how a network is used: their types, and whether they are lists."""

USAGE = tuple(name for name, _, _ in _TYPES)
"""Facts that weights keep when they are trained on, since they say how the network is used."""

STATED_ELSEWHERE = frozenset(
    {"categories", "num_params", "license", "license_stated_by", "license_link", "dataset_terms", "publisher", "parent"}
)
"""What `weights.meta` has from other members, or what only a catalogue can say."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What `config.json` states of a saved model.

    Args:
        architecture: The registered name of the model whose builder makes the network.
        arguments: The builder's arguments: numbers, texts, booleans, `None`, and lists and objects of these. Among them
            `weights`, the name of the published entry that the network was built with, for builders make some networks
            otherwise with weights; its file is not read.
        task: As the catalogue names it.
        preprocessing: The preset's class as `"preset"`, and its arguments.
        categories: Names of the classes, by index.
        metrics: Values by data set and metric, as published entries state theirs.
        parent: What the weights were trained from: its `"name"`, and the `"sha256"` of its file.
        license: By SPDX's identifier.
        facts: What else the weights state in `meta`, such as `keypoint_names`.
    """

    architecture: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    task: str
    preprocessing: Mapping[str, Any]
    categories: tuple[str, ...] | None = None
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    parent: Mapping[str, str] | None = None
    license: str = "unknown"
    num_params: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: bytes, label: str) -> Self:
        """Read a `config.json`.

        Args:
            content: Its bytes.
            label: What messages call it.

        Raises:
            SavedModelError: It is not one, or one of a newer zoo; the message names the first thing that is wrong.
        """
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise SavedModelError(f"{label} is no JSON: {error}.") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise SavedModelError(
                f"{label} describes no model that zoo has saved: expected an object with the format {FORMAT!r}."
            )
        if document.get("version") != VERSION:
            raise SavedModelError(
                f"{label} has version {document.get('version')!r}, and this zoo reads version {VERSION}: "
                "install a newer zoo-core."
            )
        try:
            return cls(**_checked(document))
        except (TypeError, ValueError) as error:
            raise SavedModelError(f"{label} cannot be used: {error}.") from None

    def inherited(self) -> dict[str, Any]:
        """Return what weights that are trained from these begin with."""
        return {
            "preprocessing": dict(self.preprocessing),
            "categories": None if self.categories is None else list(self.categories),
            "facts": dict(self.facts),
        }

    def to_json(self) -> bytes:
        """Return the bytes of `config.json`: the same facts give the same bytes."""
        document = {
            "format": FORMAT,
            "version": VERSION,
            "library": "zoo",
            "architecture": self.architecture,
            "arguments": dict(self.arguments),
            "task": self.task,
            "preprocessing": dict(self.preprocessing),
            "categories": None if self.categories is None else list(self.categories),
            "metrics": {name: dict(values) for name, values in self.metrics.items()},
            "parent": None if self.parent is None else dict(self.parent),
            "license": self.license,
            "num_params": self.num_params,
            "facts": dict(self.facts),
        }
        return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a document that have the types which they should have; what is not known is passed over."""
    fields: dict[str, Any] = {
        "architecture": _text(document, "architecture"),
        "task": _text(document, "task"),
        "license": _text(document, "license", "unknown"),
        "arguments": _object(document, "arguments"),
        "preprocessing": _object(document, "preprocessing"),
        "facts": _object(document, "facts"),
    }
    _text(fields["preprocessing"], "preset")
    _check_facts(fields["facts"])
    metrics = _object(document, "metrics")
    for name in metrics:
        for metric, value in _object(metrics, name).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise TypeError(f"the metric {metric!r} on {name!r} should be a number, found {value!r:.80}")
    categories, parent, count = document.get("categories"), document.get("parent"), document.get("num_params")
    if categories is not None:
        if not isinstance(categories, list) or not all(isinstance(name, str) for name in categories):
            raise TypeError(f"'categories' should be a list of texts, found {categories!r:.80}")
        count_of_classes = fields["arguments"].get("num_classes")
        if count_of_classes not in {None, len(categories)}:
            raise ValueError(f"it has {len(categories)} categories for {count_of_classes!r:.80} classes")
        fields["categories"] = tuple(categories)
    if parent is not None:
        parent = _object(document, "parent")
        digest = _text(parent, "sha256", "")
        if digest and not re.fullmatch("[0-9a-f]{8,64}", digest):
            raise ValueError(f"'sha256' of 'parent' should be hexadecimal digits, found {digest!r:.80}")
        fields["parent"] = {"name": _text(parent, "name")} | ({"sha256": digest} if digest else {})
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 0):
        raise TypeError(f"'num_params' should be a number, found {count!r:.80}")
    return fields | {"metrics": metrics, "num_params": count}


def _check_facts(facts: Mapping[str, Any]) -> None:
    """Raise a `TypeError` for a fact that is used, and has another type than it should have."""
    for name, kinds, of_items in _TYPES:
        value = facts.get(name)
        if value is None:
            continue
        items = value if of_items and isinstance(value, list) else [value]
        if isinstance(value, list) != of_items or not all(type(item) in kinds for item in items):
            what = f"{'a list of ' if of_items else ''}{' or '.join(kind.__name__ for kind in kinds)}"
            raise TypeError(f"the fact {name!r} should be {what}, found {value!r:.80}")
    stated = sorted(name for name in facts if name.startswith("_") or name in STATED_ELSEWHERE)
    if stated:
        raise ValueError(f"{stated[0]!r} is no fact that it can state")


def _text(document: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = document.get(name, default)
    if not isinstance(value, str) or not (value or default == ""):
        raise TypeError(f"{name!r} should be a text, found {value!r:.80}")
    return value


def _object(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name, {})
    if not isinstance(value, dict):
        raise TypeError(f"{name!r} should be an object, found {value!r:.80}")
    return value
