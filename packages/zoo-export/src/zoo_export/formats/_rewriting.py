"""Replacing operations of OpenVINO's models by others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def named_after(model: Any, node: Any) -> Iterator[None]:  # openvino.Model, openvino.Node
    """Call what is added to a model meanwhile after an operation, `name/…`, so that it belongs to the same module."""
    before = {each.get_friendly_name() for each in model.get_ops()}
    yield
    for each in model.get_ops():
        if each.get_friendly_name() not in before:
            each.set_friendly_name(f"{node.get_friendly_name()}/{each.get_friendly_name()}")
