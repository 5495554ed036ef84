"""Exchange state with torchvision, as a black box, and compare outputs. Run by `nox -s parity`; prints a table.

Its environment holds both libraries. `-- --quick` leaves out models of more than 100 M parameters, names of models all
others. A second table is for int8, where outputs of the same state must be identical.
"""

import sys

import torch
from torch import nn

import parity_int8
from float_models import pair
from reference.agreement import difference, share_in_place
from reference.families import float_modules, num_params
from reference.records import inputs_of, record_of, tolerance
from zoo_core import list_models


def main(names: list[str], *, quick: bool) -> None:
    """Compare the models named, or every model; leave with an error if one differs."""
    print("| model | parameters | theirs in ours | ours in theirs | difference |")
    print("|---|---:|---|---|---:|")
    all_models = [name for module in float_modules() for name in list_models(module)]
    failed = [name for name in names or all_models if not (quick and num_params(name) > 100e6) and not compare(name)]
    failed += [] if names else parity_int8.differing()
    if failed:
        sys.exit(f"These differ: {', '.join(failed)}")


def compare(name: str) -> bool:
    """Print one model's row; tell whether state went both ways and the outputs agree."""
    record = record_of("outputs", name, "none")
    ours, theirs = pair(name, **record["kwargs"])
    results = [loads(ours, theirs), loads(theirs, ours)]
    with torch.inference_mode():
        found, expected = ours(*inputs_of(record)), theirs(*inputs_of(record))
    share = share_in_place(found, expected, tolerance(name))
    apart = f"{difference(found, expected):.1e}" if share == 1 else f"{share:.0%} in place"
    print(f"| {name} | {num_params(name) / 1e6:.1f} M | {' | '.join(results)} | {apart} |", flush=True)
    return results == ["strictly", "strictly"] and share >= record.get("in_place", 1.0)


def loads(into: nn.Module, source: nn.Module) -> str:
    """Tell whether a model takes the state of another, strictly."""
    try:
        into.load_state_dict(source.state_dict())
    except RuntimeError as error:
        return f"no: {str(error).splitlines()[1].strip()}"
    return "strictly"


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if name != "--quick"], quick="--quick" in sys.argv)
