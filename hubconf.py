"""Entry points for torch.hub: every builder of the built-in packages, and the registry's functions.

    torch.hub.load("org/zoo", "resnet50", weights="DEFAULT", trust_repo=True)
    torch.hub.load("org/zoo", "get_weight", weights="ResNet50_Weights.IMAGENET1K_V2", trust_repo=True)

Without `trust_repo=True`, torch.hub asks whether it may run this file.

Works from a checkout with nothing of zoo installed. Names are resolved when torch.hub asks for them.
"""

import sys
from pathlib import Path
from typing import Any

# For good: torch.hub takes only this file's folder off the path afterwards, and lazy imports come later.
for _source in sorted(Path(__file__).parent.glob("packages/*/src")):
    if str(_source) not in sys.path:
        sys.path.append(str(_source))

from zoo_core import get_model as _get_model  # noqa: E402
from zoo_core import get_model_builder as _get_model_builder  # noqa: E402
from zoo_core import get_model_weights as _get_model_weights  # noqa: E402
from zoo_core import get_weight as _get_weight  # noqa: E402
from zoo_core import list_models  # noqa: E402

dependencies = ["torch", "lazy_loader", "filelock", "huggingface_hub", "safetensors", "PIL"]


def get_weight(name: str | None = None, *, weights: str | None = None) -> Any:
    """Return the weights entry of a full name, given as `name=` or as `weights=`: "ResNet50_Weights.IMAGENET1K_V2"."""
    return _get_weight(_one_of(name=name, weights=weights))


def get_model_weights(name: Any = None, *, weights: Any = None) -> Any:
    """Return the weights enum of a model, given by its name or its builder."""
    return _get_model_weights(_one_of(name=name, weights=weights))


def get_model(name: str, **config: Any) -> Any:
    """Build the model `name`; `config` goes to its builder, as `weights="DEFAULT"` does."""
    return _get_model(name, **config)


def _one_of(**arguments: Any) -> Any:
    given = [value for value in arguments.values() if value is not None]
    if len(given) != 1:
        raise TypeError(f"Give one of {' and '.join(f'{name}=' for name in arguments)}, found {len(given)}.")
    return given[0]


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return _get_model_builder(name)
    except ValueError as error:
        raise AttributeError(str(error)) from None


def __dir__() -> list[str]:
    # torch.hub looks names up in here, `dependencies` too: without it they would be silently ignored.
    return sorted(["dependencies", "get_model", "get_model_weights", "get_weight", "list_models", *list_models()])
