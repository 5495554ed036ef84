"""How long users wait for a model with weights from a warm cache, and for a first prediction: fresh processes.

    nox -s bench -- ready [--quick] [--rounds N] [MODEL...]

All models by default, one of each family with `--quick`. Both load synthetic files from the same folder; ours is
verified (stamped), theirs is not looked at. A file is a zip archive as `torch.save` writes it, or of its older form, or
safetensors, which torchvision cannot read: its time for the zip archive stands beside. Models are timed after the
imports, the first prediction with them. Memory is what the process's peak grows by, over the size of the file.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import in_turn, milliseconds, print_table, process_figures, process_seconds, ratio
from reference.families import one_of_each
from zoo_core._packages import built_in_packages

READY = """
import resource, sys, time, torch
name, file = sys.argv[1:]
arguments = {{"quantize": True}} if name.startswith("quantized") else {{}}
{imports}
member = {weights}(name).DEFAULT
url = "http://127.0.0.1:9/" + file
member._value_ = {value}
{warm_up}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
model = {build}(name, weights=member, progress=False, **arguments)
seconds = time.perf_counter() - started
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, seconds)
"""

FIRST = """
import sys
name, file = sys.argv[1:]
from PIL import Image
{imports}
member = {weights}(name).DEFAULT
url = "http://127.0.0.1:9/" + file
member._value_ = {value}
model = {build}(name, weights=member, progress=False).eval()
image = Image.new("RGB", (640, 480), "gray")
import torch
with torch.inference_mode():
    scores = model(member.transforms()(image).unsqueeze(0)).softmax(1)
print(member.meta["categories"][scores.argmax()])
"""

LIBRARIES = [
    {
        "imports": "import zoo_core, zoo_core.files",
        "weights": "zoo_core.get_model_weights",
        "value": "zoo_core.Weights(url, member.transforms, member.meta)",
        "warm_up": "zoo_core.files.resolve(member.file)  # verified once before, as after its download",
        "build": "zoo_core.get_model",
    },
    {
        "imports": "import torchvision.models as models",
        "weights": "models.get_model_weights",
        "value": "type(member.value)(url, member.transforms, member.meta)",
        "warm_up": "",
        "build": "models.get_model",
    },
]
"""Ours, and theirs."""
FORMS = ("zip", "older", "safetensors")


def main(models: list[str], rounds: int) -> None:
    rows, ratios = [], []
    for model in models:
        for form, ours, theirs, memory in compare(model, rounds):
            ratios.append(ratio(ours, theirs))
            rows.append((model, form, milliseconds(ours), milliseconds(theirs), f"{ratios[-1]:.1f}", f"{memory:.2f}"))
            print("  ", *rows[-1], file=sys.stderr)
    rows.append(("geometric mean", "", "", "", f"{statistics.geometric_mean(ratios):.1f}", ""))
    header = ("model", "file", "zoo", "torchvision", "times faster", "memory : file")
    title = "Model ready, warm cache" if len(models) < len(all_models()) else "Model ready, warm cache, all models"
    print_table(title, header, rows)


def all_models() -> list[str]:
    """Return the models that torchvision has, too."""
    return sorted(entry.name for package in built_in_packages() for entry in package.models)


def compare(model: str, rounds: int) -> list[tuple[str, list[float], list[float], float]]:
    """Return, for each form of file, the times of both and the growth of our memory over the size of the file."""
    with tempfile.TemporaryDirectory() as home:
        files = prepare(model, home)
        codes = [with_caches(READY.format(**library), home) for library in LIBRARIES]
        runs = [(form, side) for form in files for side in (0, 1) if (form, side) != ("safetensors", 1)]
        processes = [process_figures(codes[side], model, files[form]) for form, side in runs]
        figures = dict(zip(runs, in_turn(processes, rounds, warm_up=0), strict=True))
        compared = []
        for form, file in files.items():
            ours, theirs = figures[form, 0], figures.get((form, 1), figures["zip", 1])
            grown = max(peak for peak, _ in ours) / (checkpoints(home) / file).stat().st_size
            compared.append((form, [seconds for _, seconds in ours], [seconds for _, seconds in theirs], grown))
    return compared


def first_prediction(model: str = "resnet50", rounds: int = 7) -> None:
    """Measure whole processes that predict one image."""
    with tempfile.TemporaryDirectory() as home:
        file = prepare(model, home)["zip"]
        codes = [with_caches(FIRST.format(**library), home) for library in LIBRARIES]
        ours, theirs = in_turn([process_seconds(code, model, file) for code in codes], rounds)
    row = (model, milliseconds(ours), milliseconds(theirs), f"{1 / ratio(ours, theirs):.2f}")
    print_table(
        "First prediction, cold process, warm cache", ("model", "zoo", "torchvision", "zoo : torchvision"), [row]
    )


def prepare(model: str, home: str) -> dict[str, str]:
    """Write checkpoints where both libraries keep theirs; return the name of each form's."""
    folder = checkpoints(home)
    folder.mkdir(parents=True, exist_ok=True)
    # Safetensors has no place for quantized tensors.
    forms = [form for form in FORMS if form != "safetensors" or not model.startswith("quantized")]
    command = [sys.executable, str(Path(__file__).with_name("synthetic_file.py")), model, str(folder), *forms]
    return dict(zip(forms, subprocess.check_output(command, text=True).split(), strict=True))


def checkpoints(home: str) -> Path:
    """Return the folder where both libraries look for checkpoints."""
    return Path(home) / "hub" / "checkpoints"


def with_caches(code: str, home: str) -> str:
    """Let a process use the prepared caches alone."""
    return f"import os; os.environ |= dict(TORCH_HOME={home!r}, XDG_CACHE_HOME={home!r}, ZOO_MIRRORS='')\n{code}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    first_prediction()
    main(given.models or (one_of_each() if given.quick else all_models()), given.rounds)
