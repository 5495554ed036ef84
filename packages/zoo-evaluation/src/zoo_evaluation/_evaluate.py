"""The run: samples through a model, rows into files, numbers out of the files."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from zoo_core import WeightsEnum, get_task, get_weight, task_of
from zoo_core.devices import device_of_process
from zoo_core.names import Later, load_reference
from zoo_core.prediction import Failure, Prediction, PredictionJob, Predictor, batches_at_once, run_decoding, shard
from zoo_core.tasks import Task

from ._evaluation import Evaluation
from ._progress import Progress
from ._record import Record
from ._recording import record_of
from ._run_folder import Row, RunFolder, read_description
from ._shards import is_first, launched_shard
from ._subject import GivenModule, GivenPredictor, NamedModel, Subject, recorded
from .datasets import Dataset, Sample, open_dataset
from .protocols import Protocol, get_protocol, protocol_for

if TYPE_CHECKING:
    from torch import nn
else:
    nn = Later("torch.nn")


@dataclass(frozen=True, kw_only=True)
class EvaluationJob:
    """Everything that an evaluation can be told. Constructing it checks that; of a model's name, it imports no torch.

    Args:
        model: A registered model's name; or a network, whose inputs and classes are those of `weights`; or a predictor.
        dataset: A data set, or its folder.
        weights: An entry of the model's, or its name; for a network or a predictor the entry, or its full name.
        task: The name of the task, for a network or a predictor, where `weights` does not tell.
        protocol: By default that of the published data set, else that of people's own.
        layout: The name of the data set's layout, where that cannot be told from its files.
        output: A folder for predictions and record. Run again, it goes on where it was stopped.
        retry: Predict again what could not be read when `output` was written before; not in processes of `torchrun`.
        batch_size: Samples at once; by default the protocol's.
        workers: Threads that read ahead.
        device: Where to run; a predictor runs where it is. Of `"cuda"`, each process that `torchrun` has started gets a
            GPU of its own.
        limit: Only so many samples, the first ones.
        shard: `(i, n)`: only every n-th sample, from the i-th on, counted from 1. Processes that `torchrun` has
            started take their shares by themselves.
        optimized: Make the model faster first.
        progress: Show a bar.

    Raises:
        ValueError: There is no such model, weights entry or protocol, the model's task has no evaluation, another
            argument is out of range, or several processes have no `output`.

    Example:
        >>> from zoo_evaluation import EvaluationJob
        >>> record = EvaluationJob(model="resnet18", dataset="animals/", limit=1).run()
        >>> record.dataset["samples"], record.model["weights"]
        (1, 'ResNet18_Weights.IMAGENET1K_V1')
    """

    model: "str | nn.Module | Predictor[Any, Any] | Subject"
    dataset: Dataset[Any] | Path | str
    weights: WeightsEnum | str | None = None
    task: str | None = None
    protocol: Protocol | str | None = None
    layout: str | None = None
    output: Path | str | None = None
    retry: bool = False
    batch_size: int | None = None
    workers: int = 2
    device: str = "cpu"
    limit: int | None = None
    shard: tuple[int, int] | None = None
    optimized: bool = False
    progress: bool = False

    def __post_init__(self) -> None:
        if self.output is None and (self.shard or launched_shard()) is not None:
            raise ValueError("Several processes need an output folder, where their predictions meet.")
        if self.retry and self.output is None:
            raise ValueError("retry is for what an output folder holds, and there is none.")
        if self.retry and self.shard is None and launched_shard() is not None:
            raise ValueError(
                "retry is for one process, for others cannot see which failures are new: start it without torchrun, "
                "with the same output folder."
            )
        for name, value in (("batch_size", self.batch_size), ("limit", self.limit)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is a number of samples: expected at least 1, found {value}.")
        if self.shard is not None:
            shard((), *self.shard)
        task = self.subject.task
        if task.evaluation is None:
            raise ValueError(f"{self.subject.name} is for {task.name}, for which no evaluation is known.")
        if self._protocol is not None and not self._protocol.is_for(task.name):
            raise ValueError(
                f"{self._protocol.name} is a protocol for models of {self._protocol.task}, and {self.subject.name} is "
                f"for {task.name}: see `zoo evaluate --list`."
            )

    @cached_property
    def subject(self) -> Subject:
        """What is evaluated."""
        model = self.model
        if isinstance(model, Subject):
            return model
        if isinstance(model, str):
            weights = self.weights or "DEFAULT"
            return NamedModel(
                PredictionJob(
                    sources=(),
                    model=model,
                    weights=weights,
                    device=self._own_device,
                    workers=self.workers,
                    optimized=self.optimized,
                    progress=self.progress,
                )
            )
        entry = get_weight(self.weights) if isinstance(self.weights, str) else self.weights
        task = self._task_of(entry)
        if isinstance(model, Predictor):
            if self.optimized:
                raise ValueError("A predictor runs as it is: optimize its model before you construct it.")
            return GivenPredictor(model, task, entry)
        if entry is None:
            raise ValueError(
                "A network needs weights=, the entry that says how inputs are made and what classes are called; "
                "or wrap it in a zoo_core.prediction.Predictor of your own."
            )
        return GivenModule(model, entry, task, self._own_device, self.optimized)

    @property
    def _own_device(self) -> str:
        """Where this process runs, of several."""
        is_launched = self.shard is None and launched_shard() is not None
        return device_of_process(self.device) if is_launched else self.device

    def _task_of(self, entry: WeightsEnum | None) -> Task:
        if self.task is not None:
            return get_task(self.task)
        if entry is None:
            raise ValueError("It is not known what the model is for: give task=, as in 'classification', or weights=.")
        return task_of(entry)

    @cached_property
    def _protocol(self) -> Protocol | None:
        return get_protocol(self.protocol) if isinstance(self.protocol, str) else self.protocol

    @cached_property
    def _whole(self) -> Dataset[Any]:
        """The data set, whatever the limit."""
        if isinstance(self.dataset, Dataset):
            return self.dataset
        layout = self.layout or (self._protocol.settings.get("layout") if self._protocol else None)
        return open_dataset(self.dataset, holds=self._kind.holds, layout=layout)

    @property
    def _kind(self) -> type[Evaluation[Any]]:
        assert self.subject.task.evaluation is not None  # checked at construction
        kind: type[Evaluation[Any]] = load_reference(self.subject.task.evaluation)
        return kind

    @cached_property
    def evaluation(self) -> Evaluation[Any]:
        """The evaluation that the model's task names, of the data set.

        Raises:
            DatasetError: The data set is not whole, or does not fit.
        """
        protocol = self._protocol or protocol_for(self.subject.task.name, self._whole.published)
        return self._kind(self._whole.first(self.limit), protocol, self.subject.categories)

    def run(self) -> Record | None:
        """Predict what is not there yet, compute the numbers, and write the record into `output`.

        Returns:
            The record; `None` where other shards have not been predicted yet.

        Raises:
            DatasetError: The data set is not whole, or does not fit.
            ValueError: `output` holds predictions that were made otherwise, or no sample could be predicted on.
            WeightsUnavailableError: No source has the weights.
        """
        launched, started = launched_shard(), time.perf_counter()
        with self._folder() as folder:
            predicted = self._predict(folder, self.shard or launched)
            samples = self.evaluation.dataset.samples
            waits = launched is not None and self.shard is None
            rows = folder.wait_for(samples) if waits else folder.rows(samples)
            if rows is None:
                return None
            timing = _timing(predicted, time.perf_counter() - started)
            return self._record(folder, rows, timing, writes=is_first() or not waits)

    def recompute(self) -> Record:
        """Compute the numbers again from what is in `output`, without a model. The record keeps its times.

        Raises:
            ValueError: Not all samples have been predicted.
        """
        with self._folder() as folder:
            rows = folder.rows(self.evaluation.dataset.samples)
            if rows is None:
                missing = len(folder.todo(self.evaluation.dataset.samples))
                raise ValueError(
                    f"{folder.path} lacks the predictions of {missing} of {len(self.evaluation.dataset)} samples: "
                    "run zoo evaluate with that folder first."
                )
            before = Record.from_json(folder.record) if folder.record.is_file() else None
            return self._record(folder, rows, _timing(0, 0.0) if before is None else before.timing, before=before)

    def write_report(self, record: Record) -> Path:
        """Write what was measured as one page into `output`, and return its path.

        Args:
            record: Of this job.

        Raises:
            ValueError: There is no `output`, or not all samples have been predicted.
        """
        from .report import write_report

        if self.output is None:
            raise ValueError("A report is written into the output folder, and there is none.")
        with self._folder() as folder:
            rows = folder.rows(self.evaluation.dataset.samples)
            if rows is None:
                raise ValueError(f"{folder.path} lacks predictions: run zoo evaluate with that folder first.")
            return write_report(record, self.evaluation, rows, folder.path)

    @contextmanager
    def _folder(self) -> Iterator[RunFolder]:
        if self.output is None:
            with TemporaryDirectory() as temporary:
                yield self._run_folder(Path(temporary))
        else:
            _ = self.evaluation  # a wrong data set leaves no folder behind
            Path(self.output).mkdir(parents=True, exist_ok=True)
            yield self._run_folder(Path(self.output))

    def _run_folder(self, path: Path) -> RunFolder:
        subject, made_by = self.subject, self._made_by
        folder = RunFolder(path, made_by, str(subject.entry or subject.name), retry=self.retry)
        folder.check()
        file, digest = subject.digest
        folder.describe(
            {
                **subject.description(),
                "file": file,
                "sha256": digest,
                "made_by": made_by,
                "dataset": str(Path(self.evaluation.dataset.root).resolve()),
                "layout": self.evaluation.dataset.layout,
                "protocol": self.evaluation.protocol.name,
                "limit": self.limit,
                "batch_size": self.batch_size,
                "device": self.device,
                "optimized": self.optimized,
            }
        )
        return folder

    @property
    def _batch_size(self) -> int:
        return self.batch_size or self.evaluation.protocol.batch_size

    @property
    def _is_known(self) -> bool:
        """Whether the network is a registered one, which several threads may call; others are called by this thread."""
        return isinstance(self.subject, NamedModel)

    @property
    def _made_by(self) -> str:
        """What decides a row, beside the sample."""
        if isinstance(self.model, Subject):
            return self.model.made_by({}, self._batch_size)
        protocol = self.evaluation.protocol
        told = [self.subject.made_by(self.evaluation.options(), self._batch_size)]
        told += [f"protocol {protocol.name} {protocol.version}", f"batch size {self._batch_size}"]
        told += ["optimized"] if self.optimized else []
        return ", ".join([*told, f"data set {self._whole.names_digest[:12]}"])

    def _predict(self, folder: RunFolder, part: tuple[int, int] | None) -> int:
        """Write a row for each sample of this process that has none yet; return how many."""
        dataset = self.evaluation.dataset
        mine = dataset.samples if part is None else tuple(shard(dataset.samples, *part))
        todo = folder.todo(mine)
        if not todo:
            return 0
        with (
            folder.writing(part) as results,
            Progress(self.evaluation, folder, len(mine), len(mine) - len(todo), shown=self.progress) as progress,
        ):
            for sample, row in self._predicted(todo, folder.path):
                results.write(row)
                progress.add(sample, row.to_dict())
        return len(todo)

    def _predicted(self, samples: Sequence[Sample], folder: Path) -> Iterator[tuple[Sample, Prediction]]:
        evaluation, batch_size = self.evaluation, self._batch_size
        predictor = self.subject.load_predictor(evaluation.options(), batch_size)
        outcomes = run_decoding(
            predictor,
            samples,
            lambda sample: predictor.read(sample.paths),
            batch_size=batch_size,
            workers=self.workers,
            keep_decoded=False,
            at_once=batches_at_once(predictor, self._own_device, self.workers) if self._is_known else 1,
        )
        for outcome in outcomes:
            sample, prediction = outcome.source, outcome.prediction
            if isinstance(prediction, Failure):
                yield sample, Failure(sample.name, prediction.error)
            else:
                yield sample, Row(sample.name, evaluation.row(sample, prediction, folder))

    def _record(
        self,
        folder: RunFolder,
        rows: Sequence[Mapping[str, Any]],
        timing: Mapping[str, Any],
        *,
        writes: bool = True,
        before: Record | None = None,
    ) -> Record:
        import torch

        if rows and all("error" in row for row in rows):
            raise ValueError(f"None of {len(rows)} samples could be predicted on; the first: {rows[0]['error']}")
        evaluation = self.evaluation
        settings = {
            "batch_size": self._batch_size,
            "device": self.device,
            "threads": torch.get_num_threads() if before is None else before.settings["threads"],
            "optimized": self.optimized,
            "limit": self.limit,
        }
        record = record_of(evaluation, rows, folder.path, subject=self.subject, settings=settings, timing=timing)
        if writes:
            evaluation.finish(rows, folder.path)
            record.write(folder.record)
        return record


def evaluate(
    model: "str | nn.Module | Predictor[Any, Any]",
    dataset: Dataset[Any] | Path | str,
    *,
    weights: WeightsEnum | str | None = None,
    task: str | None = None,
    protocol: Protocol | str | None = None,
    layout: str | None = None,
    output: Path | str | None = None,
    retry: bool = False,
    batch_size: int | None = None,
    workers: int = 2,
    device: str = "cpu",
    limit: int | None = None,
    optimized: bool = False,
    progress: bool = False,
) -> Record:
    """Measure how good a model is on a data set.

    Arguments and errors are those of `EvaluationJob`.

    Example:
        >>> from zoo_core import get_model
        >>> from zoo_evaluation import evaluate
        >>> record = evaluate("resnet18", "animals/")
        >>> 0 <= record["acc@1"] <= record["acc@5"] <= 100
        True
        >>> network = get_model("resnet18", weights="DEFAULT")
        >>> sorted(evaluate(network, "animals/", weights="ResNet18_Weights.DEFAULT").per_class)
        ['goldfish', 'hen']
    """
    record = EvaluationJob(
        model=model,
        dataset=dataset,
        weights=weights,
        task=task,
        protocol=protocol,
        layout=layout,
        output=output,
        retry=retry,
        batch_size=batch_size,
        workers=workers,
        device=device,
        limit=limit,
        optimized=optimized,
        progress=progress,
    ).run()
    assert record is not None  # it is not, for a shard alone
    return record


def job_of(folder: Path, data: Path | None = None) -> EvaluationJob:
    """Return the job that a folder's predictions came from, to compute its numbers again.

    Args:
        folder: The `output` of an evaluation.
        data: Where the data set is now, if it has moved.

    Raises:
        ValueError: The folder is none of an evaluation.
    """
    facts = read_description(folder)
    try:
        told = {name: facts[name] for name in ("layout", "protocol", "limit", "batch_size", "device", "optimized")}
        return EvaluationJob(model=recorded(facts), dataset=data or Path(facts["dataset"]), output=folder, **told)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} is not the folder of an evaluation: its description is {json.dumps(facts)} ({error})."
        ) from None


def _timing(predicted: int, seconds: float) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "predicted": predicted,
        "seconds": seconds,
        "samples_per_second": predicted / seconds if seconds else 0.0,
    }
