"""Evaluate a model with Ray, on workers that share a folder, to the record that one process gives.

    pip install zoo-evaluation zoo-classification "ray[data]"
    python examples/ray_evaluation.py imagenet/ runs/resnet50 --model resnet50 --workers 2

Each worker takes a shard of the samples, and writes rows into the folder; started again, all go on. The last step
computes the numbers from the rows.
"""

import argparse
from typing import Any

import ray

from zoo_evaluation import EvaluationJob, Record


def main(data: str, output: str, *, model: str, workers: int = 2) -> Record:
    """Evaluate the shards, one a worker, and join them."""
    shards = ray.data.from_items(list(range(1, workers + 1)), override_num_blocks=workers)
    fixed = {"data": data, "output": output, "model": model, "workers": workers}
    shards.map(evaluate_shard, fn_kwargs=fixed).materialize()
    record = EvaluationJob(model=model, dataset=data, output=output).run()
    assert record is not None
    return record


def evaluate_shard(row: dict[str, Any], *, data: str, output: str, model: str, workers: int) -> dict[str, Any]:
    """Predict on one shard of the samples."""
    EvaluationJob(model=model, dataset=data, output=output, shard=(row["item"], workers)).run()
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("output")
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--workers", type=int, default=2)
    print(main(**vars(parser.parse_args())).to_markdown())
