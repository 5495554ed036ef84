"""What to predict on, and with what, before torch is needed."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo_core._registry import get_model_weights, list_models
from zoo_core.images import IMAGE_SUFFIXES


def image_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files given, and the images in the folders given, however deep, in order of their paths.

    Raises:
        FileNotFoundError: A path does not exist.
    """
    for path in paths:
        if path.is_dir():
            yield from sorted(
                file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()
            )
        elif path.exists():
            yield path
        else:
            raise FileNotFoundError(f"There is no file or folder {path}.")


def embedded_model() -> str | None:
    """Return the first registered model whose weights come inside an installed package: it needs no download."""
    for name in list_models():
        weights = get_model_weights(name).verify("DEFAULT")
        if weights is not None and weights.url.startswith("package:"):
            return name
    return None
