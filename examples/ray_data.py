"""Predict on a folder of images with Ray Data, on two workers of this machine or on a cluster's.

    pip install zoo-core zoo-classification "ray[data]"
    python examples/ray_data.py photos/ results/ --model resnet50

Writes Parquet files with the columns path, prediction (JSON) and error. A file that is no image gets a row with its
error.
"""

import argparse

import ray

from zoo_core.prediction import BatchPredictor


def main(images: str, results: str, *, model: str, workers: int = 2) -> None:
    """Read files as bytes, so that workers need not see the folder, and predict on batches of them."""
    files = ray.data.read_binary_files(images, include_paths=True)
    predicted = files.map_batches(
        BatchPredictor,
        fn_constructor_kwargs={"model": model, "topk": 1},
        batch_size=32,
        concurrency=workers,
    )
    predicted.select_columns(["path", "prediction", "error"]).write_parquet(results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("results")
    parser.add_argument("--model", default="resnet50")
    main(**vars(parser.parse_args()))
