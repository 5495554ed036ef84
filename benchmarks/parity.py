"""Exchange state with torchvision, as a black box, and compare outputs. Run by `nox -s parity`; prints a table.

Its environment holds both libraries. `-- --quick` leaves out models of more than 100 M parameters. A second table is
for int8, where outputs of the same state must be identical.
"""

import sys

import torch
import torchvision
from torch import nn

import parity_int8
from reference.fill import calibrate_, fill_, image_batch
from zoo_core import get_model, get_model_weights, list_models

PACKAGE = "zoo_classification"
TOLERANCE = 1e-3
"""Greatest difference of outputs that rounding may cause, in standard deviations of the output."""


def main(*, quick: bool) -> None:
    """Compare every model; leave with an error if one differs."""
    print("| model | parameters | theirs in ours | ours in theirs | difference |")
    print("|---|---:|---|---|---:|")
    failed = [name for name in list_models(PACKAGE) if not (quick and num_params(name) > 100e6) and not compare(name)]
    failed += parity_int8.differing()
    if failed:
        sys.exit(f"These differ: {', '.join(failed)}")


def compare(name: str) -> bool:
    """Print one model's row; tell whether state went both ways and the outputs agree."""
    extra = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
    theirs = fill_(torchvision.models.get_model(name, weights=None, **extra))
    ours = get_model(name, **extra).eval()
    side = 299 if name == "inception_v3" else 224
    images = image_batch((1, 3, side, side))
    calibrate_(theirs, images)
    results = [loads(ours, theirs), loads(theirs, ours)]
    with torch.inference_mode():
        expected = theirs(images)
        difference = ((ours(images) - expected).abs().max() / expected.std()).item()
    print(f"| {name} | {num_params(name) / 1e6:.1f} M | {' | '.join(results)} | {difference:.1e} |", flush=True)
    return results == ["strictly", "strictly"] and difference <= TOLERANCE


def loads(into: nn.Module, source: nn.Module) -> str:
    """Tell whether a model takes the state of another, strictly."""
    try:
        into.load_state_dict(source.state_dict())
    except RuntimeError as error:
        return f"no: {str(error).splitlines()[1].strip()}"
    return "strictly"


def num_params(name: str) -> int:
    """Return how many parameters a model has."""
    return get_model_weights(name).DEFAULT.meta["num_params"]


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
