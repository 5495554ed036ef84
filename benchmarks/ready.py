"""How long users wait for a model with weights from a warm cache, and for a first prediction: fresh processes.

    nox -s bench -- ready [--quick | MODEL...]

All models by default, one of each family with `--quick`. Both load synthetic files from the same folder; ours is
verified (stamped), theirs is not looked at. A file is a zip archive as `torch.save` writes it, or of its older form, or
safetensors, which torchvision cannot read: it is then given the zip archive. Models are timed after the imports, the
first prediction with them. Memory is what the process's peak grows by, over the size of the file.
"""

import itertools
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import in_turn, milliseconds, print_table, process_figure, process_seconds, ratio
from reference.families import one_of_each
from zoo_core import list_models

PREPARE = """
import hashlib, os, sys, torch, zoo_core, zoo_core.building
name, form, folder = sys.argv[1:]
torch.manual_seed(0)
with zoo_core.building.without_files():
    arguments = {"quantize": True} if name.startswith("quantized") else {}
    if name in ("googlenet", "inception_v3"):
        arguments["aux_logits"] = True  # published files have them
    state = zoo_core.get_model(name, weights="DEFAULT", **arguments).state_dict()
if form == "safetensors":
    from safetensors.torch import save_file
    save_file({key: value.clone() for key, value in state.items()}, folder + "/file")
else:
    torch.save(state, folder + "/file", _use_new_zipfile_serialization=form == "zip")
digest = hashlib.sha256(open(folder + "/file", "rb").read()).hexdigest()
file = f"{name}-{digest[:8]}.{'safetensors' if form == 'safetensors' else 'pth'}"
os.rename(folder + "/file", f"{folder}/{file}")
print(file)
"""

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
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
print(seconds)
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


def main(models: list[str], rounds: int = 3) -> None:
    rows, ratios = [], []
    for model, form in itertools.product(models, FORMS):
        if form == "safetensors" and model.startswith("quantized"):
            continue  # it has no place for quantized tensors
        ours, theirs, peak = compare(model, form, rounds)
        ratios.append(ratio(ours, theirs))
        rows.append((model, form, milliseconds(ours), milliseconds(theirs), f"{ratios[-1]:.1f}", f"{peak:.2f}"))
        print("  ", *rows[-1], file=sys.stderr)
    rows.append(("geometric mean", "", "", "", f"{statistics.geometric_mean(ratios):.1f}", ""))
    header = ("model", "file", "zoo", "torchvision", "times faster", "memory : file")
    print_table("Model ready, warm cache", header, rows)


def compare(model: str, form: str, rounds: int) -> tuple[list[float], list[float], float]:
    """Return the times of both, and the growth of our memory over the size of our file."""
    with tempfile.TemporaryDirectory() as home:
        ours = prepare(model, form, home)
        theirs = prepare(model, "zip", home) if form == "safetensors" else ours
        processes = [
            process_figure(with_caches(READY.format(**library), home), model, file)
            for library, file in zip(LIBRARIES, (ours, theirs), strict=True)
        ]
        times = in_turn(processes, rounds)
        code = with_caches(READY.format(**LIBRARIES[0]), home)
        peak = process_figure(code, model, ours, line=-2)() / (checkpoints(home) / ours).stat().st_size
    return times[0], times[1], peak


def first_prediction(model: str = "resnet50", rounds: int = 7) -> None:
    """Measure whole processes that predict one image."""
    with tempfile.TemporaryDirectory() as home:
        file = prepare(model, "zip", home)
        codes = [with_caches(FIRST.format(**library), home) for library in LIBRARIES]
        ours, theirs = in_turn([process_seconds(code, model, file) for code in codes], rounds)
    row = (model, milliseconds(ours), milliseconds(theirs), f"{1 / ratio(ours, theirs):.2f}")
    print_table(
        "First prediction, cold process, warm cache", ("model", "zoo", "torchvision", "zoo : torchvision"), [row]
    )


def prepare(model: str, form: str, home: str) -> str:
    """Write a checkpoint where both libraries keep theirs; return its name."""
    folder = checkpoints(home)
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.check_output([sys.executable, "-c", PREPARE, model, form, str(folder)], text=True).strip()


def checkpoints(home: str) -> Path:
    """Return the folder where both libraries look for checkpoints."""
    return Path(home) / "hub" / "checkpoints"


def with_caches(code: str, home: str) -> str:
    """Let a process use the prepared caches alone."""
    return f"import os; os.environ |= dict(TORCH_HOME={home!r}, XDG_CACHE_HOME={home!r}, ZOO_MIRRORS='')\n{code}"


if __name__ == "__main__":
    first_prediction()
    quick = "--quick" in sys.argv
    names = [name for name in sys.argv[1:] if name != "--quick"]
    main(names or (one_of_each() if quick else list_models()), rounds=1 if quick else 3)
