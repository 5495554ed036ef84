"""What int8 brings on this CPU, in time and size on disk: against floats, and against torchvision's int8, in turn.

    nox -s bench -- int8 [MODEL...]

Both int8 models have the same state, quantized after training from synthetic parameters, and see the same image.
"""

import io
import sys

import torch
from torch import Tensor, nn

from forward import timed
from int8_models import MODELS, converted, floating, images_for, ours_of
from measure import in_turn, milliseconds, print_table, ratio
from zoo_core import get_model

ROUNDS = 20


def main(names: list[str]) -> None:
    torch.manual_seed(0)
    header = (
        "model", "float", "int8", "float : int8", "torchvision's int8", "torchvision : zoo", "outputs",
        "float MB", "int8 MB",
    )  # fmt: skip
    print_table("Int8, one image, evaluation", header, [compare(name) for name in names])


def compare(name: str) -> tuple[object, ...]:
    """Measure one model: as floats, as int8, and torchvision's int8."""
    plain = name.removeprefix("quantized_")
    extra = {"init_weights": False} if plain in {"googlenet", "inception_v3"} else {}
    theirs, floats = floating(name), get_model(plain, **extra).eval()
    floats.load_state_dict(theirs.state_dict())
    theirs = converted(name, theirs)
    ours = ours_of(name, theirs.state_dict())
    images = images_for(name)
    (as_int8, as_theirs), same = measure([ours, theirs], images)
    (with_floats, as_floats), _ = measure([ours, floats], images)
    row = (
        name, milliseconds(as_floats), milliseconds(as_int8), f"{ratio(with_floats, as_floats):.2f}",
        milliseconds(as_theirs), f"{ratio(as_int8, as_theirs):.2f}", same, megabytes(floats), megabytes(ours),
    )  # fmt: skip
    print("  ", *row, file=sys.stderr)
    return row


@torch.inference_mode()
def measure(models: list[nn.Module], images: Tensor) -> tuple[list[list[float]], str]:
    """Return the times of two models, and whether they have the same outputs."""
    first, second = (model(images) for model in models)
    times = in_turn([timed(model, images) for model in models], ROUNDS)
    return times, "identical" if torch.equal(first, second) else "differ"


def megabytes(model: nn.Module) -> str:
    """Return the size of a model's file."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return f"{file.tell() / 1e6:.1f}"


if __name__ == "__main__":
    main(sys.argv[1:] or MODELS)
