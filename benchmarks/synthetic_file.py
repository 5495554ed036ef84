"""Writes a checkpoint with random parameters, in the layout of a model's published file; prints its name.

python benchmarks/synthetic_file.py MODEL FOLDER FORM...    # zip, older, safetensors
"""

import hashlib
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from int8_models import TRAINED, prepared
from zoo_core import get_model
from zoo_core.building import without_files


def main(name: str, folder: Path, forms: list[str]) -> None:
    state = model_in_file(name).state_dict()
    for form in forms:
        written = folder / "file"
        if form == "safetensors":
            save_file({key: value.clone() for key, value in state.items()}, written)
        else:
            torch.save(state, written, _use_new_zipfile_serialization=form == "zip")
        with written.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        suffix = ".safetensors" if form == "safetensors" else ".pth"
        print(written.rename(folder / f"{name}-{digest[:8]}{suffix}").name)


def model_in_file(name: str) -> nn.Module:
    """Build the network whose state the published file holds."""
    torch.manual_seed(0)
    if name == TRAINED:
        return prepared(name, get_model(name))
    arguments: dict[str, Any] = {"quantize": True} if name.startswith("quantized") else {}
    if name.endswith(("googlenet", "inception_v3")):
        arguments["aux_logits"] = True
    with without_files():
        return get_model(name, weights="DEFAULT", **arguments)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
