"""Train with Lightning, Accelerate and Ray Train, as the examples do, and with adapters of peft.

Run by `nox -s training_examples`.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

sys.path.append(str(Path(__file__).parents[1] / "examples"))
sys.path.append(str(Path(__file__).parent / "training" / "lora_package"))  # narrow transformers
from training.colours import write_colours
from zoo_core import get_model
from zoo_training import merge_adapters, prepare, train

MODEL = "shufflenet_v2_x0_5_digits"
VALUES: dict[str, Any] = {"epochs": 2, "batch_size": 6, "size": 32, "precision": "float32", "ema_decay": 0.5}


def main() -> None:
    """Run all of them on a folder of colours."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_colours(folder / "data", 6)
        check_adapters(folder)
        check_loops(folder)
        check_ray(folder)


def check_adapters(folder: Path) -> None:
    """Train transformers by adapters of peft: what is saved is a plain network, of which the blocks have learnt."""
    for name in ("vit_narrow", "swin_narrow", "swin_v2_narrow"):
        values = {**VALUES, "lora": 4, "lr": 0.01, "arguments": {"num_classes": 3}}
        prepared = prepare(name, folder / "data", values, weights=None)
        adapted = prepared.network()
        trained = [each for each, parameter in adapted.named_parameters() if parameter.requires_grad]
        assert sum("lora_" in each for each in trained) == len(trained) - 2 > 0, trained
        run = train(name, folder / "data", values, output=folder / name, weights=None, workers=0)
        before, after = merge_adapters(adapted).state_dict(), get_model(run.name).state_dict()
        assert before.keys() == after.keys()
        changed = [each for each, value in after.items() if not torch.equal(value, before[each])]
        assert len(changed) >= len(trained) // 2, f"{name}: nothing was learnt but by {changed}"
        assert not any("norm" in each or "ln" in each for each in changed), changed
        print(f"peft: {name}: {dict(run.metrics)}")


def check_loops(folder: Path) -> None:
    """Train with loops of other libraries: what they save is a model."""
    from train_with_accelerate import main as with_accelerate
    from train_with_lightning import main as with_lightning

    for run in (with_lightning, with_accelerate):
        output = folder / run.__module__
        metrics = run(str(folder / "data"), str(output), model=MODEL, **VALUES)
        assert 0 <= metrics["acc@1"] <= 100
        model = get_model(f"local-dir:{output}").eval()
        start = get_model(MODEL, weights="DEFAULT", num_classes=3)
        assert not torch.equal(model.conv1[0].weight, start.conv1[0].weight), "nothing was learnt"
        print(f"{run.__module__}: {metrics}")


def check_ray(folder: Path) -> None:
    """Train in two workers of Ray: the run is that of one process."""
    import ray

    from ray_train import main as with_ray

    alone = train(MODEL, folder / "data", VALUES, output=folder / "alone", workers=0)
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    with_ray(str(folder / "data"), str(folder / "joined"), model=MODEL, workers=2, **VALUES)
    lines = (folder / "joined" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == len(alone.epochs) == 2
    for line, row in zip(map(json.loads, lines), alone.epochs, strict=True):
        assert abs(line["losses"]["loss"] - row["losses"]["loss"]) < 1e-2, (line, row)
        assert line["metrics"] == row["metrics"], (line, row)
    print("Ray Train: the epochs of two workers are those of one process")


if __name__ == "__main__":
    main()
