"""How many images a second are evaluated: `zoo evaluate` against torchvision's way, and how memory grows meanwhile.

    nox -s bench -- evaluation [MODEL...]
    nox -s bench -- evaluation --images 20000 --rounds 1 mobilenet_v3_large

Both put the same JPEG files of ten classes through the same synthetic weights, one image at a time. Two threads, or
processes, decode. Rates are from the first image on. Memory is that of `zoo evaluate`: how much more it takes at most
after all images than after a tenth.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from measure import in_turn, print_table, process_figures
from ready import prepare, with_caches
from reference.fill import photo
from zoo_core import get_model_weights

CLASSES = 10
OURS = """
import resource, sys, time, zoo_core, zoo_core.files
from zoo_evaluation import EvaluationJob, _progress
name, file, folder, how = sys.argv[1:]
member = zoo_core.get_model_weights(name).DEFAULT
member._value_ = zoo_core.Weights("http://127.0.0.1:9/" + file, member.transforms, member.meta)
peaks = []
add = _progress.Progress.add
def counted(self, sample, row):
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    starts.append(time.perf_counter())
    add(self, sample, row)
starts = []
_progress.Progress.add = counted
EvaluationJob(model=name, dataset=folder, workers=2, optimized=how == "optimized").run()
rate = (len(starts) - 1) / (starts[-1] - starts[0])
print(rate, peaks[-1] - peaks[len(peaks) // 10])
"""
THEIRS = """
import os, sys, time, torch, torchvision
name, file, folder = sys.argv[1:]
weights = torchvision.models.get_model_weights(name).DEFAULT
model = torchvision.models.get_model(name)
model.load_state_dict(torch.load(os.environ["TORCH_HOME"] + "/hub/checkpoints/" + file, weights_only=True))
model.eval()
data = torchvision.datasets.ImageFolder(folder, weights.transforms())
places = torch.tensor([weights.meta["categories"].index(name) for name in data.classes])
loader = torch.utils.data.DataLoader(data, batch_size=1, num_workers=2)
right, times = [0, 0], []
with torch.inference_mode():
    for images, labels in loader:
        best = model(images).topk(5, 1).indices
        hit = best == places[labels][:, None]
        right[0] += hit[:, :1].any(1).sum().item()
        right[1] += hit.any(1).sum().item()
        times.append(time.perf_counter())
print((len(times) - 1) / (times[-1] - times[0]))
"""


def main(models: list[str], images: int, rounds: int) -> None:
    rows = []
    for model in models:
        with tempfile.TemporaryDirectory() as home:
            file, folder = prepare(model, home)["zip"], Path(home) / "photos"
            write_classes(folder, model, images)
            codes = [with_caches(code, home) for code in (OURS, THEIRS)]
            arguments = (model, file, str(folder))
            runs = [process_figures(codes[0], *arguments, how) for how in ("as it is", "optimized")]
            ours, optimized, theirs = in_turn([*runs, process_figures(codes[1], *arguments)], rounds, warm_up=0)
            rates = [statistics.median(found[0] for found in each) for each in (ours, optimized, theirs)]
            faster = [
                statistics.median(a[0] / b[0] for a, b in zip(our, theirs, strict=True)) for our in (ours, optimized)
            ]
            growth = max(found[1] for found in (*ours, *optimized))
            rows.append(
                (model, *(f"{each:.1f}" for each in rates), *(f"{each:.2f}" for each in faster), f"{growth:.1f} MiB")
            )
    header = (
        "model",
        "zoo, images/s",
        "--optimized",
        "DataLoader, images/s",
        "times faster",
        "--optimized",
        "memory grows by",
    )
    print_table(f"Evaluation of {images} photos", header, rows)


def write_classes(folder: Path, model: str, images: int) -> None:
    """Write JPEG files of 500 x 375 pixels into folders called as the first classes of the model."""
    names = get_model_weights(model)["DEFAULT"].meta["categories"][:CLASSES]
    originals = [photo(375, 500, seed) for seed in range(CLASSES)]
    for number in range(images):
        path = folder / names[number % CLASSES] / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.roll(originals[number % CLASSES], 13 * number, axis=1)
        Image.fromarray(pixels).save(path, quality=90)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["resnet50", "mobilenet_v3_large"])
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    main(arguments.models, arguments.images, arguments.rounds)
