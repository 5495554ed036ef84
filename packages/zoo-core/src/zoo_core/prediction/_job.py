"""What a run of predictions is, from its sources to its results."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from zoo_core._registry import get_model, get_model_weights, task_of
from zoo_core._weights import WeightsEnum
from zoo_core.files import ResolvedFile, resolve
from zoo_core.names import Later
from zoo_core.tasks import Media, Option, Task

from ._devices import check_device_name, find_device
from ._frames import video_module
from ._inputs import MediaInputs, is_path, listed
from ._output_names import OutputNames
from ._pipeline import check_numbers
from ._predictor import Predictor
from ._raw import RawFolder
from ._results import Prediction
from ._results_file import EarlierRows, ResultsFile
from ._results_table import ResultsTable, RowsTable, require_pyarrow
from ._run import PredictionRun
from ._sources import Source, find_sources, shard
from ._upcoming import Upcoming, optimizing_pays

if TYPE_CHECKING:
    from torch import nn
else:
    nn = Later("torch.nn")

Step: TypeAlias = Callable[[str], AbstractContextManager[object]]
"""Tells people what is done next, until the context ends."""

_FORMATS = (".jsonl", ".parquet")
_LARGEST_EXAMPLE = 8
"""Beyond so many images the same is fastest as for more, and trying it takes longer."""


def _silently(_what: str) -> AbstractContextManager[object]:
    return nullcontext()


@dataclass(frozen=True, kw_only=True)
class PredictionJob:
    """Everything that a run of predictions can be told. Constructing it checks it, and imports no torch.

    What `zoo_core.stream` takes has the same meaning here; its `**options` are the mapping `options`.

    Args:
        shard: `(i, n)`: only every n-th input, from the i-th on, counted from 1.
        output: A `.jsonl` or `.parquet` file for the results. What it has already is not predicted again.
        retry: Predict again what gave an error when `output` or `raw` was written before.
        save: A folder for pictures of the predictions, and for videos of the frames.
        raw: A folder for raw results: rows of all inputs, and label maps, flow or detections as other programs read
            them. What it has already is not predicted again.
        every: The inputs are videos, of which each `every`-th frame is an image for the model.
        optimized: `None`: if that pays for as many inputs as there are.

    Raises:
        ValueError: The model is not known, is for a task that there is no prediction for, does not run on that device,
            or takes no such option; or a source is a URL; or another argument is out of range.
        TypeError: `sources` is nothing that can be predicted on.

    Example:
        >>> from zoo_core.prediction import PredictionJob
        >>> job = PredictionJob(sources="photos/", model="resnet50", options={"topk": 1})
        >>> for prediction in job.stream():
        ...     print(prediction.source)
        photos/cat.jpg
    """

    sources: MediaInputs
    model: str
    weights: WeightsEnum | str = "DEFAULT"
    options: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    batch_size: int = 8
    workers: int = 2
    optimized: bool | None = False
    shard: tuple[int, int] | None = None
    output: Path | None = None
    retry: bool = False
    save: Path | None = None
    raw: Path | None = None
    every: int | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        task = self.task
        _check_options(self.model, task, self.options)
        check_device_name(self.device)
        if task.devices and str(self.device).partition(":")[0] not in task.devices:
            raise ValueError(f"{self.model} runs on {', '.join(task.devices)} only, found device {self.device!r}.")
        check_numbers(self.batch_size, self.workers)
        if self.shard is not None:
            shard((), *self.shard)
        if self.output is not None and self.output.suffix not in _FORMATS:
            raise ValueError(f"Results are written as {' or '.join(_FORMATS)}: found {self.output}.")
        if self.output is not None and self.output.suffix == ".parquet":
            require_pyarrow()
        if self.retry and self.output is None and self.raw is None:
            raise ValueError("retry is for what an output file holds, and there is no output.")
        if self.every is not None:
            self._check_every(self.every)
        options_with(self.entry, self.options)
        listed(self.sources)

    def _check_every(self, every: int) -> None:
        if every < 1:
            raise ValueError(f"every is a number of frames: expected at least 1, found {every}.")
        if self.task.media != "images":
            raise ValueError(f"every is for models that take single images: {self.model} takes {self.task.media}.")
        video_module()

    @property
    def task(self) -> Task:
        """The model's task."""
        return task_of(self.model)

    @cached_property
    def entry(self) -> WeightsEnum:
        """The weights entry; of a saved model, as it is when this is asked first."""
        member = get_model_weights(self.model).verify(self.weights)
        if member is None:
            known = ", ".join(map(str, get_model_weights(self.model)))
            raise ValueError(f"Prediction needs weights: choose one of {known}.")
        return member

    @property
    def made_by(self) -> str:
        """What decides the predictions, beside the inputs and the name of the weights, in one line for people.

        That is the model, the file of its weights (of a saved model with its digest, and that of its `config.json`),
        and its options, those that were not given, too. Where the model runs, and in which batches, changes rounding
        alone.
        """
        values = ((option, self._value_of(option)) for option in self.task.options)
        told = sorted(f"{option.name}={option.type(value)}" for option, value in values if value is not None)
        every = [] if self.every is None else [f"every={self.every}"]
        model = str(self.entry) if hasattr(self.entry, "saved") else self.model  # however its path was written
        return ", ".join([model, self.entry.made_of, *told, *every])

    def _value_of(self, option: Option) -> Any:  # as the option says
        """Return what an option is, given or by default; `None` where that cannot be told."""
        stated = self.entry.meta.get(option.fact, option.default) if option.fact else option.default
        if (value := options_with(self.entry, self.options).get(option.name, stated)) is not None:
            return value
        parameter = signature(self.task.predictor_class()).parameters.get(option.name)  # which imports torch
        return None if parameter is None or parameter.default is Parameter.empty else parameter.default

    @property
    def media(self) -> Media:
        """What is looked for in folders."""
        return self.task.media if self.every is None else "videos"

    def find_sources(self, *, strict: bool = True) -> Iterator[Source]:
        """Yield what there is to predict on, in order, while it is found; nothing of what the job itself saves.

        Args:
            strict: Whether a path that does not exist is an error, or a source with a problem.

        Raises:
            FileNotFoundError: A path does not exist; raised when its turn comes.
            ValueError: `output` is set, which tells inputs by their paths, and one is in memory; raised likewise.
        """
        without = [folder for folder in (self.save, self.raw) if folder is not None]
        found = find_sources(listed(self.sources), self.media, strict=strict, without=without)
        if self.output is not None or self.raw is not None:
            found = map(_on_disk, found)
        return found if self.shard is None else shard(found, *self.shard)

    def resolve(self) -> ResolvedFile:
        """Return the verified local file of the weights.

        Raises:
            WeightsUnavailableError: No source has it.
        """
        return resolve(self.entry.file, progress=self.progress)

    def load_predictor(self, upcoming: Upcoming | None = None, step: Step = _silently) -> Predictor[Any, Any]:
        """Build the model with its weights, ready to predict.

        Args:
            upcoming: What it will predict on, where `optimized` depends on that.
            step: Called with what is done next, for people; what it gives is entered meanwhile.

        Raises:
            ValueError: An option is out of range, or `save` is set for predictions that cannot be drawn.
            RuntimeError: The device is not there.
            WeightsUnavailableError: No source has the weights.
        """
        task, entry = self.task, self.entry
        with step("loading torch"):
            device = find_device(self.device)
            predictor_class = task.predictor_class()
        if self.save is not None and predictor_class.draw is Predictor.draw:
            raise ValueError(f"There is no picture of {task.results}, what {self.model} predicts: none can be saved.")
        with step(f"building {self.model}"):
            model = self.build_model().to(device)
        if task.optimizable and self.optimized is not False and any(True for _ in model.parameters()):
            model = self._optimized(model.eval(), upcoming, step)
        options = options_with(entry, self.options)
        predictor = predictor_class(model, entry, device=self.device, **options)  # type: ignore[call-arg] # as Predictor says
        predictor.media = task.media
        return predictor

    def build_model(self) -> "nn.Module":
        """Build the model with its weights, as its predictor takes it."""
        return get_model(self.model, weights=self.entry, progress=self.progress, **self.task.arguments)

    def _optimized(self, model: "nn.Module", upcoming: Upcoming | None, step: Step) -> "nn.Module":
        """Return a faster copy of the model, or itself where that does not pay."""
        from zoo_core.inference import optimize

        at_once = min(self.batch_size, _LARGEST_EXAMPLE)
        example = self.task.example_inputs(model, self.entry, at_once)
        if self.optimized is None:
            with step(f"timing {self.model}"):
                pays = upcoming is not None and optimizing_pays(model, example, at_once, upcoming)
            if not pays:
                return model
        with step(f"optimising {self.model}{', for so many inputs' if self.optimized is None else ''}"):
            return optimize(model, example)

    @contextmanager
    def open_results(self) -> Iterator[ResultsFile | None]:
        """Open the file of results, to be read and continued; `None` if there is no `output`.

        New rows of a Parquet file are collected beside it until the run ends; then it is written anew with them.

        Raises:
            ValueError: The file holds something else, or results that were made otherwise.
            OSError: It cannot be read or written, or another process writes it now.
        """
        path = self.output
        if path is None:
            yield None
            return
        if path.suffix != ".parquet":
            with self._open_lines(path) as results:
                yield results
            return
        table = self.open_table(path)
        lines = path.with_name(f"{path.name}.partial.jsonl")
        with self._open_lines(lines, table.known(without_failures=self.retry)) as results:
            yield results
        if lines.stat().st_size or not path.exists():
            table.add(lines, without_failures=self.retry)
        lines.unlink()

    def _open_lines(self, path: Path, before: EarlierRows | None = None) -> AbstractContextManager[ResultsFile]:
        return ResultsFile.open(path, str(self.entry), made_by=self.made_by, retry=self.retry, before=before)

    def open_table(self, path: Path) -> RowsTable:
        """Open a Parquet file that this run may add rows to; it need not exist.

        Raises:
            ValueError: The file holds something else, or results that were made otherwise.
            OSError: It cannot be read.
        """
        table = ResultsTable(path)
        table.check_made_by(str(self.entry), self.made_by)
        return table

    @contextmanager
    def open_run(self, sources: Iterable[Source] | None = None) -> Iterator[PredictionRun]:
        """Open everything that the run writes, and list what is left to be done while it is asked for.

        Args:
            sources: What to predict on; `find_sources()` if not given.

        Raises:
            ValueError: A file or folder holds something else, or predictions that were made otherwise.
            OSError: It cannot be read or written, or another process writes it now.
        """
        names = OutputNames(self._given())
        with self.open_results() as results, self._open_raw(names) as raw:
            written = [each for each in (results, raw) if each is not None]
            with closing(
                PredictionRun(self, self.find_sources() if sources is None else sources, names, written)
            ) as run:
                yield run

    def _given(self) -> Iterable[Path]:
        """Return the paths that were given, where they can be gone through twice."""
        if is_path(self.sources):
            return (Path(self.sources),)
        given = self.sources if isinstance(self.sources, (list, tuple, set, frozenset)) else ()
        return (Path(each) for each in given if is_path(each))

    def _open_raw(self, names: OutputNames) -> AbstractContextManager[RawFolder | None]:
        if self.raw is None:
            return nullcontext()
        return RawFolder.open(self.raw, names, self.task, self.entry, made_by=self.made_by, retry=self.retry)

    def stream(self) -> Iterator[Prediction]:
        """Yield predictions while they are made, in order, in bounded memory: three batches, and a gibibyte, at most.

        Raises:
            FileNotFoundError: A path does not exist; raised when its turn comes.
            WeightsUnavailableError: No source has the weights; raised at once.
        """
        return self._stream(self.load_predictor() if self.optimized is not None else None)

    def _stream(self, predictor: Predictor[Any, Any] | None) -> Iterator[Prediction]:
        with self.open_run() as run:
            for row in run.predict(predictor or self.load_predictor(run.upcoming)):
                yield row.prediction


def _on_disk(source: Source) -> Source:
    if source.contents:
        raise ValueError(
            f"{source} is in memory: an output file goes on by the paths of its inputs, so save it to a file first, or "
            "write down what prediction.to_dict() gives."
        )
    return source


def check_options(model: str, options: Iterable[str]) -> None:
    """Check that the predictor of a model takes options of these names.

    Raises:
        ValueError: It does not.
    """
    _check_options(model, task_of(model), options)


def _check_options(model: str, task: Task, options: Iterable[str]) -> None:
    known = {option.name for option in task.options}
    unknown = sorted(set(options) - known)
    if unknown:
        takes = f"takes {', '.join(sorted(known))}" if known else "has no options"
        raise ValueError(f"{model} does not take {', '.join(unknown)}: its prediction {takes}.")


def options_with(weights: WeightsEnum, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a predictor is told: the options that were given, and those that the weights leave no choice of.

    Raises:
        ValueError: One was given that the weights have otherwise.
    """
    for name, value in weights.fixed_options.items():
        if options.get(name, value) != value:
            raise ValueError(
                f"{weights} was made with {name}={value!r}, and {options[name]!r} is asked for: make it anew with "
                "that, or use the model itself."
            )
    return {**weights.fixed_options, **options}
