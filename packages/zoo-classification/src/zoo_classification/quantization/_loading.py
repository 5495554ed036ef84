"""From a file to an int8 network."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from zoo_core.building import DeferredInitialization, load_checkpoint

from ._network import N, building_int8, make_int8
from ._prepared import converted, is_prepared
from ._state import states_as_integers


def make_empty(make: Callable[[], N], engine: str) -> N:
    """Build an int8 network of weights of zero: on `meta` the float one, of which nothing is kept but its form."""
    with building_int8(engine), torch.device("meta"), DeferredInitialization():  # which is never done
        model = make().eval()
    make_int8(model, engine, "cpu")
    return model.eval()


def from_state(make: Callable[[], N], engine: str, state: Mapping[str, Any], source: str) -> N:
    """Build from a file, which holds an int8 network or one prepared for quantization-aware training."""
    with building_int8(engine), torch.device("meta"), DeferredInitialization():
        model = make().eval()
    if is_prepared(state):
        state = converted(model, state, source)
    make_int8(model, engine, "meta")
    with states_as_integers():
        load_checkpoint(model, state, source=source)
    return model.eval()
