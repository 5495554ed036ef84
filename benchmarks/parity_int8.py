"""Exchange int8 state with torchvision, as a black box, and compare outputs, for every quantized model.

    nox -s bench -- parity_int8

Torchvision's float model, with synthetic parameters, is quantized after training; and prepared for quantization-aware
training, which is what the file of MobileNetV3 holds. The outputs of the same state must be identical.
"""

import copy
import sys
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.ao import quantization

from int8_models import MODELS, TRAINED, backend_of, converted, floating, images_for, prepared
from zoo_core import WeightsEnum, get_model, get_model_weights
from zoo_core.checkpoints import quiet_quantization


def main() -> None:
    """Compare every model; leave with an error if one differs."""
    if failed := differing():
        sys.exit(f"These differ: {', '.join(failed)}")


def differing() -> list[str]:
    """Print a table, and return the models whose outputs differ."""
    print("\n| int8 model | state | entries | theirs in ours | ours in theirs | outputs |")
    print("|---|---|---:|---|---|---|")
    failed = [name for name in MODELS if not compare(name)]
    return failed if compare_trained() else [*failed, f"{TRAINED} (prepared)"]


def compare(name: str) -> bool:
    """Print the row of a model quantized after training."""
    theirs = converted(name, floating(name))
    ours = get_model(name, quantize=True)
    results = [loads(ours, theirs), loads(theirs, ours)]
    return row(name, "int8", ours, theirs, results)


def compare_trained() -> bool:
    """Print the row of the model whose file holds what is prepared for training; ours goes through a file."""
    theirs = prepared(TRAINED, floating(TRAINED))
    ours = load_file(get_model_weights(TRAINED)["DEFAULT"], theirs.state_dict())
    torch.backends.quantized.engine = backend_of(TRAINED)
    with quiet_quantization():
        theirs = quantization.convert(copy.deepcopy(theirs).eval(), inplace=True)
    return row(TRAINED, "prepared for training", ours, theirs, ["strictly", loads(theirs, ours)])


def load_file(member: WeightsEnum, state: Mapping[str, Any]) -> nn.Module:
    """Build zoo's int8 model from a file that stands for the published one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / member.file.name
        torch.save(state, path)
        found = SimpleNamespace(unchanged=lambda: nullcontext(path))
        with mock.patch("zoo_classification.quantization._builder.resolve", return_value=found):
            return get_model(TRAINED, weights=member, quantize=True)


@torch.inference_mode()
def row(name: str, kind: str, ours: nn.Module, theirs: nn.Module, results: list[str]) -> bool:
    """Print a row; tell whether state went both ways and the outputs are identical."""
    found, expected = ours(images_for(name)), theirs(images_for(name))
    same = torch.equal(found, expected)
    difference = "identical" if same else f"{((found - expected).abs().max() / expected.std()).item():.1e}"
    print(f"| {name} | {kind} | {len(ours.state_dict())} | {' | '.join(results)} | {difference} |", flush=True)
    return same and results == ["strictly", "strictly"] and expected.std().item() > 0


def loads(into: nn.Module, source: nn.Module) -> str:
    """Tell whether a model takes the state of another, strictly."""
    try:
        into.load_state_dict(source.state_dict())
    except (RuntimeError, KeyError) as error:
        return f"no: {error}"
    return "strictly"


if __name__ == "__main__":
    main()
