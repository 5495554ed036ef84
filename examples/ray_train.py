"""Train on Ray, with the recipe and the result of `zoo train`: each worker is one of its processes.

    pip install zoo-training zoo-classification "ray[train]"
    python examples/ray_train.py my-photos/ runs/mine --model resnet18 --workers 2

The workers share each batch; the first one writes the run into a folder that all of them see. Started again, the run
goes on.
"""

import argparse
from pathlib import Path
from typing import Any

from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device

from zoo_training import train


def work(given: dict[str, Any]) -> None:
    """Be one of the processes: Ray has begun their process group."""
    train(**given, device=str(get_device()), workers=0, resume=True)


def main(data: str, output: str, *, model: str = "resnet18", workers: int = 2, **recipe: Any) -> None:
    """Start the workers, and wait for the run."""
    given = {"model": model, "data": str(Path(data).absolute()), "output": str(Path(output).absolute())}
    TorchTrainer(
        work,
        train_loop_config={**given, "recipe": recipe},
        scaling_config=ScalingConfig(num_workers=workers),
        run_config=RunConfig(storage_path=str(Path(output).absolute().parent / "ray")),
    ).fit()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("output")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--workers", type=int, default=2)
    main(**vars(parser.parse_args()))
