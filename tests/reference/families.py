"""Which models stand for all: the smallest of each family."""

from zoo_core import get_model_weights, list_models
from zoo_core._registry import get_model_entry

LINEAGES = {"swin_v2_": "swin_transformer_v2", "efficientnet_v2_": "efficientnet_v2", "regnet_x_": "regnet_x"}
"""Families that hold networks of two papers: names that begin so are counted apart."""


def one_of_each(module: str = "zoo_classification") -> list[str]:
    """Return the model of a module with the fewest parameters in each family, sorted by name."""
    smallest: dict[str, str] = {}
    for name in sorted(list_models(module), key=_num_params, reverse=True):
        smallest[_family(name)] = name
    return sorted(smallest.values())


def _family(name: str) -> str:
    apart = next((family for prefix, family in LINEAGES.items() if name.startswith(prefix)), None)
    return apart or get_model_entry(name).family


def _num_params(name: str) -> int:
    return get_model_weights(name).DEFAULT.meta["num_params"]
