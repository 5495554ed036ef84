"""From a file of weights to tensors by name."""

import warnings
from collections.abc import Mapping
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from zoo_core.errors import CheckpointError
from zoo_core.files import Settings

from ._archive import check_pickles, is_zip, require_tensors_alone
from ._quantized import PickleOfIntegers
from ._quiet import quiet_quantization
from ._safetensors import device_for, read_safetensors
from ._tensors import checked_state


def read_state_dict(
    path: Path, *, map_location: Any = "cpu", as_integers: bool = False
) -> Mapping[str, Tensor]:  # as torch.load
    """Read the tensors of a checkpoint, mapped into memory where its form allows.

    What is mapped is read when it is used. A file that was replaced or deleted meanwhile does not matter; one that is
    overwritten in place would. With `ZOO_MMAP=0`, everything is read at once.

    Args:
        path: A safetensors file, or one written by `torch.save`, as a zip archive or in the older form.
        map_location: As for `torch.load`.
        as_integers: Give int8 tensors as `QuantizedTensor`, which no torch lacks, not as tensors of `torch.qint8`.

    Returns:
        What the file holds, by name.

    Raises:
        CheckpointError: It cannot be read, holds more than plain tensors, or holds no state dictionary. Nothing larger
            than the file is allocated before that is known: compressed archives are refused, and pickles that could
            make more of a few bytes than tensors.
        OSError: It cannot be opened.
    """
    is_mapped = Settings.from_environment().maps_files
    with path.open("rb") as file:
        size = file.seek(0, SEEK_END)
        try:
            if path.suffix == ".safetensors":
                found: Any = read_safetensors(path, map_location, is_mapped=is_mapped)
            else:
                check_pickles(file)
                found = _read_pickle(path, file, map_location, is_mapped=is_mapped, as_integers=as_integers)
        except Exception as error:  # bytes that are no checkpoint make torch's unpickler fail in any way
            raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error
    try:
        return checked_state(found, size, may_be_meta=device_for(map_location).type == "meta")
    except ValueError as error:
        raise CheckpointError(f"{path} holds no state dictionary that can be loaded: {error}.") from None


def _read_pickle(
    path: Path, file: BinaryIO, map_location: Any, *, is_mapped: bool, as_integers: bool
) -> Any:  # what the file holds
    # The older form has no storage that could be mapped.
    options: dict[str, Any] = {"map_location": map_location, "mmap": is_mapped and is_zip(file)}
    if as_integers:  # read by an unpickler of our own, which runs no code either
        require_tensors_alone(file)
        return torch.load(path, pickle_module=PickleOfIntegers, weights_only=False, **options)
    # weights_only: a pickle must not run code.
    with quiet_quantization(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forms that are refused anyway
        return torch.load(path, weights_only=True, **options)
