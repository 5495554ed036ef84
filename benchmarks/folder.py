"""How many images a second a folder of photos is predicted at: `zoo predict -o` against a plain DataLoader script.

    nox -s bench -- folder [MODEL...]

Both use the same synthetic weights, batches of 32 and two processes or threads that decode. Whole processes are timed,
with their start; the table also says how many of the best classes agree.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from measure import in_turn, print_table, ratio
from ready import prepare, with_caches
from reference.fill import photo

IMAGES = 600
BATCH_SIZE = 32

OURS = """
import sys, zoo_core, zoo_core.files, zoo_core.cli
name, file, folder, output = sys.argv[1:]
member = zoo_core.get_model_weights(name).DEFAULT
member._value_ = zoo_core.Weights("http://127.0.0.1:9/" + file, member.transforms, member.meta)
arguments = ["predict", folder, "--model", name, "-o", output, "--topk", "1", "--batch-size", "BATCH", "-q"]
zoo_core.cli.main(arguments, standalone_mode=False)
""".replace("BATCH", str(BATCH_SIZE))

THEIRS = """
import json, os, sys, torch, torchvision
name, file, folder, output = sys.argv[1:]
class Images(torch.utils.data.Dataset):
    def __init__(self, paths, transforms):
        self.paths, self.transforms = paths, transforms
    def __len__(self):
        return len(self.paths)
    def __getitem__(self, index):
        image = torchvision.io.decode_image(self.paths[index], mode="RGB")
        return self.transforms(image), self.paths[index]
weights = torchvision.models.get_model_weights(name).DEFAULT
model = torchvision.models.get_model(name)
model.load_state_dict(torch.load(os.environ["TORCH_HOME"] + "/hub/checkpoints/" + file, weights_only=True))
model.eval()
paths = sorted(entry.path for entry in os.scandir(folder))
loader = torch.utils.data.DataLoader(Images(paths, weights.transforms()), batch_size=BATCH, num_workers=2)
with torch.inference_mode(), open(output, "w") as rows:
    for images, names in loader:
        scores, indices = model(images).softmax(1).topk(1)
        for path, score, index in zip(names, scores[:, 0].tolist(), indices[:, 0].tolist()):
            rows.write(json.dumps({"source": path, "index": index, "score": score}) + "\\n")
""".replace("BATCH", str(BATCH_SIZE))


def main(models: list[str], rounds: int = 3) -> None:
    rows = []
    for model in models:
        with tempfile.TemporaryDirectory() as home:
            file, folder = prepare(model, home)["zip"], Path(home) / "photos"
            write_photos(folder)
            outputs = [Path(home) / "ours.jsonl", Path(home) / "theirs.jsonl"]
            codes = [with_caches(code, home) for code in (OURS, THEIRS)]
            runs = [timed(code, model, file, str(folder), output) for code, output in zip(codes, outputs, strict=True)]
            ours, theirs = in_turn(runs, rounds)
            speeds = [f"{IMAGES / sorted(times)[len(times) // 2]:.1f}" for times in (ours, theirs)]
            rows.append((model, *speeds, f"{ratio(ours, theirs):.2f}", f"{agreement(*outputs):.1%}"))
    header = ("model", "zoo, images/s", "DataLoader, images/s", "times faster", "same class")
    print_table(f"A folder of {IMAGES} photos, start included", header, rows)


def write_photos(folder: Path) -> None:
    """Write JPEG files of 640 x 480 pixels."""
    folder.mkdir()
    originals = [photo(480, 640, seed) for seed in range(20)]
    for number in range(IMAGES):
        pixels = np.roll(originals[number % len(originals)], 13 * number, axis=1)
        Image.fromarray(pixels).save(folder / f"{number:04}.jpg", quality=90)


def timed(code: str, model: str, file: str, folder: str, output: Path) -> Callable[[], float]:
    """Return a function that measures a whole process."""

    def run() -> float:
        output.unlink(missing_ok=True)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, model, file, folder, str(output)], check=True)
        return time.perf_counter() - started

    return run


def agreement(ours: Path, theirs: Path) -> float:
    """Return the share of images for which both give the same class."""
    mine = [json.loads(line)["top"][0]["index"] for line in ours.read_text().splitlines()]
    others = [json.loads(line)["index"] for line in theirs.read_text().splitlines()]
    return sum(a == b for a, b in zip(mine, others, strict=True)) / len(mine)


if __name__ == "__main__":
    main(sys.argv[1:] or ["resnet50", "mobilenet_v3_large"])
