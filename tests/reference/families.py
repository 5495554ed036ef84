"""Which models stand for all: the smallest of each family."""

from zoo_core import get_model_weights, list_models
from zoo_core._packages import built_in_packages
from zoo_core._registry import get_model_entry

LINEAGES = {"swin_v2_": "swin_transformer_v2", "efficientnet_v2_": "efficientnet_v2", "regnet_x_": "regnet_x"}
"""Families that hold networks of two papers: names that begin so are counted apart."""


def float_modules() -> list[str]:
    """Return the built-in modules whose models compute in floats."""
    return [package.module for package in built_in_packages() if all(task.optimizable for task in package.tasks())]


def one_of_each(*modules: str) -> list[str]:
    """Return the model of the modules, or of all that compute in floats, with the fewest parameters in each family."""
    names = [name for module in modules or float_modules() for name in list_models(module)]
    smallest: dict[tuple[str, str], str] = {}
    for name in sorted(names, key=lambda name: (-num_params(name), name)):
        smallest[_family(name)] = name
    return sorted(smallest.values())


def num_params(name: str) -> int:
    """Return how many parameters a model has."""
    return int(get_model_weights(name)["DEFAULT"].meta["num_params"])


def _family(name: str) -> tuple[str, str]:
    entry = get_model_entry(name)
    apart = next((family for prefix, family in LINEAGES.items() if name.startswith(prefix)), entry.family)
    return entry.module, apart
