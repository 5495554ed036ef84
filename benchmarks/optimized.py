"""How long a forward pass takes after `zoo_core.inference.optimize`, against torchvision's eager one, on this CPU.

    nox -s bench -- optimized [--bfloat16] [MODEL...]

Both hold the same parameters and see the same inputs. The last line is the geometric mean over the models.
"""

import statistics
import sys

import torch

from float_models import inputs_for, pair
from forward import measure
from measure import milliseconds, print_table, ratio
from reference.families import one_of_each
from reference.fill import calibrate_
from zoo_core.inference import optimize


def main(names: list[str], dtype: torch.dtype | None) -> None:
    torch.manual_seed(0)
    rows, ratios = [], []
    for name in names:
        ours, theirs = pair(name)
        calibrate_(theirs, *inputs_for(name, 2))  # at this size, or rounding grows in deep networks
        ours.load_state_dict(theirs.state_dict())
        inputs = list(inputs_for(name, 1))
        fast = optimize(ours, tuple(inputs), dtype=dtype)
        times, apart = measure([fast, theirs], inputs)
        ratios.append(ratio(*times))
        rows.append((name, *map(milliseconds, times), f"{ratios[-1]:.2f}", f"{apart:.0e}", ", ".join(fast.steps)))
        print("  ", *rows[-1], file=sys.stderr)
    rows.append(("geometric mean", "", "", f"{statistics.geometric_mean(ratios):.2f}", "", ""))
    header = ("model", "zoo", "torchvision", "torchvision : zoo", "difference", "what was done")
    print_table("Forward, batch 1, optimised for inference", header, rows)


if __name__ == "__main__":
    chosen = [argument for argument in sys.argv[1:] if argument != "--bfloat16"]
    main(chosen or one_of_each(), torch.bfloat16 if "--bfloat16" in sys.argv else None)
