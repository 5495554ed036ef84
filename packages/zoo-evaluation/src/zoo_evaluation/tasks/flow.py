"""Evaluation of optical flow."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoo_core.errors import MediaError
from zoo_core.prediction import Prediction
from zoo_evaluation._evaluation import Evaluation, Measures, Metric
from zoo_evaluation.datasets import Dataset, DatasetError, FlowSample
from zoo_evaluation.metrics import end_point_errors, outliers
from zoo_evaluation.protocols import Protocol

from ._statistics import FileStatistics, interval

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "flow"
"""Of an evaluation's folder: where predicted flow is, as `.flo` files."""
UNKNOWN = 1e9
"""From that length on, flow in a `.flo` file is not known."""

Target: TypeAlias = tuple[NDArray[np.float32], NDArray[np.bool_] | None]
"""The true flow, `(2, H, W)`, and where it is known, `(H, W)`; `None` for everywhere."""
Statistics: TypeAlias = tuple[float, int, int]
"""Of a pair: the sum of end-point errors, how many pixels' flow is known, how many of these are outliers."""


class FlowEvaluation(Evaluation[FlowSample]):
    """Keeps the flow of each pair as a `.flo` file, and measures how far it is from the true one.

    Args:
        dataset: Pairs of images with their flow.
        protocol: Its metrics are of `"epe"`, `"per_image_epe"` and `"fl_all"`; its settings what the predictor takes,
            `num_flow_updates` and `padding`.
        categories: Nothing.
    """

    holds: ClassVar[str] = "flows"

    def __init__(self, dataset: Dataset[FlowSample], protocol: Protocol, categories: Sequence[str] = ()) -> None:
        super().__init__(dataset, protocol, categories)
        self._known = FileStatistics[Statistics]()

    def options(self) -> dict[str, Any]:
        """Return the number of updates, and where rows are added to images."""
        settings = self.protocol.settings
        return {name: settings[name] for name in ("num_flow_updates", "padding") if name in settings}

    def row(self, sample: FlowSample, prediction: Prediction, folder: Path) -> dict[str, Any]:
        """Write the flow as a file, and return its name and the pair's end-point error."""
        from zoo_flow.files import write_flo
        from zoo_flow.prediction import OpticalFlow

        assert isinstance(prediction, OpticalFlow)
        flow, path, target = prediction.flow, folder / self.file_of(sample), true_flow(sample)
        if problem := _problem(flow, target):
            return {"error": f"{sample}: {problem}"}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_flo(path, flow)
        total, count, _ = self._known.of(path, lambda: _statistics(_read(path), target))
        return {"flow": self.file_of(sample), "epe": total / count if count else None}

    def measure(self, rows: Sequence[Mapping[str, Any]], folder: Path) -> Measures:
        """Compare; where a pair could not be read, nothing moves, and all pixels are outliers.

        Raises:
            ValueError: A predicted flow is not there any more, or is damaged.
            DatasetError: A true one cannot be read.
        """
        found = np.array([_with_mean(*each) for each in self._of_all(rows, folder)], dtype=np.float64)
        total = found.sum(axis=0)
        metrics = [
            Metric(name=name, value=_VALUES[name](total), interval=interval(_VALUES[name], found))
            for name in self.protocol.metrics
        ]
        return Measures(metrics=tuple(metrics))

    def file_of(self, sample: FlowSample) -> str:
        """Return the name of a pair's flow in an evaluation's folder."""
        return (FOLDER / PurePosixPath(sample.name).with_suffix(".flo")).as_posix()

    def _of_all(self, rows: Sequence[Mapping[str, Any]], folder: Path) -> Iterator[Statistics]:
        for sample, row in zip(self.dataset, rows, strict=True):
            if "error" in row:
                flow, valid = true_flow(sample)
                total, count, _ = _statistics(np.zeros_like(flow), (flow, valid))
                yield total, count, count
            else:
                yield self._of_file(folder / row["flow"], sample)

    def _of_file(self, path: Path, sample: FlowSample) -> Statistics:
        try:
            return self._known.of(path, lambda: _statistics(_read(path), true_flow(sample)))
        except DatasetError:
            raise
        except (FileNotFoundError, MediaError, ValueError) as error:
            raise ValueError(
                f"{path}, the flow predicted of {sample}, is missing or damaged: {error} Put it back, or run zoo "
                "evaluate again with another folder."
            ) from error


def true_flow(sample: FlowSample) -> Target:
    """Read the true flow.

    Raises:
        DatasetError: It cannot be read.
    """
    from zoo_flow.files import read_flo, read_kitti

    try:
        if sample.flow.suffix == ".png":
            known, valid = read_kitti(sample.flow)
            return known.numpy(), valid.numpy()
        flow = read_flo(sample.flow).numpy()
    except (MediaError, OSError) as error:
        raise DatasetError(
            f"The true flow of {sample} cannot be read: {error} Put it right and run again: what has been predicted "
            "is kept."
        ) from error
    unknown = ~(np.abs(flow) < UNKNOWN).all(axis=0)
    return flow, None if not unknown.any() else ~unknown


def _read(path: Path) -> NDArray[np.float32]:
    from zoo_flow.files import read_flo

    return read_flo(path).numpy()


def _problem(flow: "Tensor", target: Target) -> str:
    """Return why a predicted flow cannot be compared with the true one, if so."""
    size, expected = flow.shape[1:], target[0].shape[1:]
    if size != expected:
        return f"the images have {size[1]} x {size[0]} pixels, and the true flow {expected[1]} x {expected[0]}."
    return "" if flow.isfinite().all() else "the model gave a flow that is not finite."


def _statistics(flow: NDArray[np.float32], target: Target) -> Statistics:
    errors = end_point_errors(flow, *target)
    return float(errors.sum()), errors.size, int(outliers(flow, *target).sum())


def _with_mean(total: float, count: int, wrong: int) -> tuple[float, int, int, float, int]:
    """Return the statistics with the pair's own mean, and whether it has one."""
    return total, count, wrong, total / count if count else 0.0, int(count > 0)


def _share(above: float, below: float) -> float:
    return float(above / below) if below else float("nan")


_VALUES = {
    "epe": lambda sums: _share(sums[0], sums[1]),
    "per_image_epe": lambda sums: _share(sums[3], sums[4]),
    "fl_all": lambda sums: 100 * _share(sums[2], sums[1]),
}
"""Of the sums of what `_with_mean` gives."""
