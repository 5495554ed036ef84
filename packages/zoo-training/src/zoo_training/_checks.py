"""Files that cannot be read are told of before a long training, as far as their headers tell."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from zoo_evaluation.datasets import DatasetError

AT_MOST = 20_000
"""Files of which headers are read: a few seconds."""


def unreadable(samples: Iterable[Any]) -> None:
    """Open the images of samples, without decoding them.

    Raises:
        DatasetError: Some cannot be read; the text names the first ones.
    """
    broken: list[str] = []
    paths = [Path(path) for sample in samples for path in sample.paths]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in paths[:AT_MOST]:
            try:
                with Image.open(path):
                    pass
            except Exception as error:  # noqa: BLE001 # Pillow raises any
                broken.append(f"{path}: {error}")
    if broken:
        more = f" (and {len(broken) - 5} more)" if len(broken) > 5 else ""
        raise DatasetError(
            f"{len(broken)} of {len(paths)} images cannot be read: mend them, or take them away.\n"
            + "\n".join(broken[:5]) + more
        )  # fmt: skip
