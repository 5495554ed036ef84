"""How long users wait for a model with weights from a warm cache: fresh processes, after the imports.

    nox -s bench -- ready [MODEL...]

Both load the same synthetic file from the same folder; ours is verified (stamped), theirs is not looked at.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from measure import in_turn, milliseconds, print_table, process_figure, ratio
from reference.families import one_of_each

PREPARE = """
import hashlib, os, sys, torch, zoo_core, zoo_core.building
name, form, folder = sys.argv[1:]
torch.manual_seed(0)
with zoo_core.building.without_files():
    state = zoo_core.get_model(name, weights="DEFAULT").state_dict()
torch.save(state, folder + "/file", _use_new_zipfile_serialization=form == "zip")
digest = hashlib.sha256(open(folder + "/file", "rb").read()).hexdigest()
os.rename(folder + "/file", f"{folder}/{name}-{digest[:8]}.pth")
print(f"{name}-{digest[:8]}.pth")
"""

READY = """
import sys, time, torch
name, file = sys.argv[1:]
{imports}
member = {weights}(name).DEFAULT
url = "http://127.0.0.1:9/" + file
member._value_ = {value}
{warm_up}
started = time.perf_counter()
model = {build}(name, weights=member, progress=False)
print(time.perf_counter() - started)
"""

OURS = READY.format(
    imports="import zoo_core, zoo_core.files",
    weights="zoo_core.get_model_weights",
    value="zoo_core.Weights(url, member.transforms, member.meta)",
    warm_up="zoo_core.files.resolve(member.file)  # verified once before, as after its download",
    build="zoo_core.get_model",
)
THEIRS = READY.format(
    imports="import torchvision.models as models",
    weights="models.get_model_weights",
    value="type(member.value)(url, member.transforms, member.meta)",
    warm_up="",
    build="models.get_model",
)


def main(models: list[str], rounds: int = 7) -> None:
    rows = []
    for model in models:
        for form in ("zip", "older"):
            with tempfile.TemporaryDirectory() as home:
                file = prepare(model, form, home)
                codes = (with_caches(OURS, home), with_caches(THEIRS, home))
                ours, theirs = in_turn([process_figure(code, model, file) for code in codes], rounds)
            rows.append((model, form, milliseconds(ours), milliseconds(theirs), f"{ratio(ours, theirs):.1f}"))
    print_table("Model ready, warm cache", ("model", "file", "zoo", "torchvision", "times faster"), rows)


def prepare(model: str, form: str, home: str) -> str:
    """Write a checkpoint where both libraries keep theirs; return its name."""
    folder = Path(home) / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return subprocess.check_output([sys.executable, "-c", PREPARE, model, form, str(folder)], text=True).strip()


def with_caches(code: str, home: str) -> str:
    """Let a process use the prepared caches alone."""
    return f"import os; os.environ |= dict(TORCH_HOME={home!r}, XDG_CACHE_HOME={home!r}, ZOO_MIRRORS='')\n{code}"


if __name__ == "__main__":
    main(sys.argv[1:] or sorted({"resnet50", *one_of_each()}))
