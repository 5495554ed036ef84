"""The process that `measure_cost` starts: reads what to measure on stdin, and writes what it costs on stdout."""

import json
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.errors import MediaError
from zoo_core.prediction import PredictionJob, Predictor

if TYPE_CHECKING:
    from torch import nn

WARM_UP = 3
LEAST, MOST = 10, 64
"""How many times a sample is predicted on."""
SECONDS = 5.0
"""After that long, no more than the least."""


def main() -> None:
    """Measure, and write a line of JSON."""
    told = json.load(sys.stdin)
    inputs = told.pop("inputs")
    job = PredictionJob(sources=(), batch_size=1, workers=0, **told)
    predictor = job.load_predictor()
    decoded = _readable(predictor, [[Path(path) for path in paths] for paths in inputs])
    latency = 1000 * statistics.median(_times(predictor, decoded))
    sys.stdout.write(json.dumps({**_facts(job, predictor), "latency_ms": latency}) + "\n")


def _readable(predictor: Predictor[Any, Any], inputs: Sequence[Sequence[Path]]) -> list[Any]:
    found, error = list[Any](), ""
    for paths in inputs:
        try:
            decoded = predictor.read(paths)
            predictor.preprocess(decoded)
        except (MediaError, OSError, ValueError) as reason:
            error = str(reason)
        else:
            found.append(decoded)
    if not found:
        raise ValueError(f"No sample could be read. {error}")
    return found


def _times(predictor: Predictor[Any, Any], decoded: Sequence[Any]) -> list[float]:
    """Return the seconds that each prediction takes, without the first ones."""
    times = list[float]()
    began = time.perf_counter()
    for number in range(WARM_UP + MOST):
        started = time.perf_counter()
        predictor.predict([predictor.preprocess(decoded[number % len(decoded)])], ["sample"])
        ended = time.perf_counter()
        if number >= WARM_UP:
            times.append(ended - started)
        if len(times) >= LEAST and ended - began > SECONDS:
            break
    return times


def _facts(job: PredictionJob, predictor: Predictor[Any, Any]) -> Mapping[str, Any]:
    import torch

    on_gpu = job.device.startswith("cuda")
    name = torch.cuda.get_device_name(job.device) if on_gpu else _processor()
    return {
        "parameters": _parameters(getattr(predictor, "model", None), job),
        "file_bytes": job.entry.file.size,
        "peak_memory_bytes": torch.cuda.max_memory_allocated(job.device) if on_gpu else _peak_memory(),
        "threads": torch.get_num_threads(),
        "device": f"{job.device}, {name}" if name else job.device,
    }


def _parameters(model: "nn.Module | None", job: PredictionJob) -> int | None:
    """Return how many parameters a model has: as stated, for int8 and optimised ones have packed theirs."""
    stated: int | None = job.entry.meta.get("num_params")
    if stated is not None or model is None:
        return stated
    return sum(each.numel() for each in model.parameters())


def _peak_memory() -> int | None:
    try:
        import resource
    except ImportError:  # on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


if __name__ == "__main__":
    main()
