"""Functions of `torchvision.models` that take its modules, which the registry does not know."""

from collections.abc import Iterable
from types import ModuleType

import zoo_core

MODULES = {
    "torchvision.models": "zoo_classification",
    "torchvision.models.quantization": "zoo_classification.quantization",
    "torchvision.models.segmentation": "zoo_segmentation",
    "torchvision.models.detection": "zoo_detection",
    "torchvision.models.video": "zoo_video",
    "torchvision.models.optical_flow": "zoo_flow",
}


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """List the registered models, as `zoo_core.list_models` does.

    Args:
        module: One of torchvision's: `torchvision.models` for classification, or one below it.
        include: Globs, of which a name matches at least one.
        exclude: Globs, of which it matches none.
    """
    name = None if module is None else module.__name__
    return zoo_core.list_models(None if name is None else MODULES.get(name, name), include, exclude)
