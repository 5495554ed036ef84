"""Exchange state with torchvision, as a black box, and compare outputs. Run by `nox -s parity`; prints a table.

Its environment holds both libraries. `-- --quick` leaves out models of more than 100 M parameters, names of models all
others. Models whose records have losses are compared in training, too, and as they are built with weights. A table is
for int8, where outputs of the same state must be identical, and the last one for operators and pictures.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import parity_int8
import parity_operators
from float_models import pair, trained_pair
from reference.agreement import difference, share_in_place
from reference.families import float_modules, num_params
from reference.records import inputs_of, record_of, spread_scores_, tolerance
from reference.targets import targets_for
from zoo_core import get_model_weights, list_models

LOSSES_APART = 2e-3
"""By how much losses may differ, relative to themselves."""
IN_PLACE = 0.9
"""The share of detections that must be the same in the same place, as boxes of exactly the same score may not be."""


def main(names: list[str], *, quick: bool) -> None:
    """Compare the models named, or every model; leave with an error if one differs."""
    print("| model | parameters | theirs in ours | ours in theirs | difference | losses |")
    print("|---|---:|---|---|---:|---:|")
    all_models = [name for module in float_modules() for name in list_models(module)]
    failed = [name for name in names or all_models if not (quick and num_params(name) > 100e6) and not compare(name)]
    failed += [] if names else parity_int8.differing() + parity_operators.differing()
    if failed:
        sys.exit(f"These differ: {', '.join(failed)}")


def compare(name: str) -> bool:
    """Print a model's rows; tell whether state went both ways, and outputs and losses agree."""
    record = record_of("outputs", name, "none")
    if "training" not in record:
        return compare_with(name, record, pair)
    trained = record_of("outputs", name, get_model_weights(name)["DEFAULT"].name)
    return all([compare_with(name, record, pair), compare_with(name, trained, trained_pair)])


def compare_with(name: str, record: dict[str, Any], build: Callable[..., tuple[nn.Module, nn.Module]]) -> bool:
    """Do so for the models that `build` gives, called as a record says."""
    training = record.get("training", {"kwargs": {}, "losses": {}})
    ours, theirs = map(spread_scores_, build(name, **record["kwargs"], **training["kwargs"]))
    results = [loads(ours, theirs), loads(theirs, ours)]
    with torch.inference_mode():
        found, expected = ours(*inputs_of(record)), theirs(*inputs_of(record))
    share = share_in_place(found, expected, tolerance(name))
    apart = f"{difference(found, expected):.1e}" if share == 1 else f"{share:.0%} in place"
    losses = loss_difference(ours, theirs, record) if training["losses"] else 0.0
    title = name if build is pair else f"{name}, with weights"
    written = f"{losses:.1e}" if training["losses"] else ""
    print(f"| {title} | {num_params(name) / 1e6:.1f} M | {' | '.join(results)} | {apart} | {written} |", flush=True)
    in_place = share >= record.get("in_place", 1.0) * (IN_PLACE if training["losses"] else 1)
    return results == ["strictly", "strictly"] and in_place and losses <= LOSSES_APART


def loss_difference(ours: nn.Module, theirs: nn.Module, record: dict[str, Any]) -> float:
    """Return the largest difference of two models' losses, relative to torchvision's."""
    (images,) = inputs_of(record)
    names = record["training"]["losses"]
    with torch.no_grad():
        found, expected = (model.train()(images, targets_for(images, names)) for model in (ours, theirs))
    assert list(found) == list(expected)
    return max((abs(found[name] - expected[name]) / abs(expected[name])).item() for name in expected)


def loads(into: nn.Module, source: nn.Module) -> str:
    """Tell whether a model takes the state of another, strictly."""
    try:
        into.load_state_dict(source.state_dict())
    except RuntimeError as error:
        return f"no: {str(error).splitlines()[1].strip()}"
    return "strictly"


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if name != "--quick"], quick="--quick" in sys.argv)
