"""From sources to predictions, one after the other, whatever happens to single ones."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from zoo_core.errors import MediaError

from ._concurrency import in_order, threads
from ._inputs import readable
from ._memory import Budget, bytes_of
from ._origin import Kept, Origin
from ._predictor import Predictor
from ._results import Failure, Prediction
from ._sources import Source

S = TypeVar("S")
D = TypeVar("D")
I = TypeVar("I")  # noqa: E741 # inputs


@dataclass(frozen=True, slots=True)
class Outcome(Generic[S, D]):
    """What came of a source.

    Args:
        source: What was predicted on.
        prediction: What the model said, or a `Failure`.
        decoded: What its files held; `None` where they could not be read, and in a run that keeps nothing of them.
    """

    source: S
    prediction: Prediction
    decoded: D | None


@dataclass(frozen=True, slots=True)
class _Loaded(Generic[S, D, I]):
    """A source that has been read: either its input is there or its failure."""

    source: S
    decoded: D | None = None
    inputs: I | None = None
    failure: Failure | None = None
    size: int = 0
    """How many bytes it holds."""


def stream(
    predictor: Predictor[Any, Any], sources: Iterable[Source], *, batch_size: int = 8, workers: int = 0
) -> Iterator[Prediction]:
    """Yield a prediction or a `Failure` for each source, in order.

    Args:
        predictor: As `load_predictor` gives it.
        sources: What to predict on, any number.
        batch_size: How many inputs to run through the model at once, at most.
        workers: Threads that read ahead while the model computes; 0 reads between the batches, and no further than is
            asked for. What is held in memory is bounded either way, by three batches and by a gibibyte: where inputs
            are large, batches are smaller.

    Raises:
        ValueError: `batch_size` or `workers` is out of range.
    """
    outcomes = run(predictor, sources, batch_size=batch_size, workers=workers, keep_decoded=False)
    return (outcome.prediction for outcome in outcomes)


def run(
    predictor: Predictor[D, Any],
    sources: Iterable[Source],
    *,
    batch_size: int = 8,
    workers: int = 0,
    keep_decoded: bool = True,
    at_once: int = 1,
) -> Iterator[Outcome[Source, D]]:
    """Yield what came of each source, as `stream` does, with what was decoded, to be drawn.

    Args:
        predictor: As for `stream`.
        sources: Likewise.
        batch_size: Likewise.
        workers: Likewise.
        keep_decoded: Keep what was decoded until the prediction is there. Otherwise only the model's inputs wait.
        at_once: How many batches are computed at once, as `batches_at_once` says.

    Raises:
        ValueError: `batch_size` or `workers` is out of range.
    """

    def read(source: Source) -> D:
        if source.problem is not None:
            raise OSError(f"{source}: {source.problem}")
        try:
            return predictor.read([readable(file, predictor.media) for file in source.files])
        except (MediaError, OSError) as error:
            if not source.contents:
                raise
            raise MediaError(f"{source}: {error}") from error  # the text names no file

    outcomes = run_decoding(
        predictor, sources, read, batch_size=batch_size, workers=workers, keep_decoded=keep_decoded, at_once=at_once
    )
    return _with_origins(outcomes, predictor)


def _with_origins(outcomes: Iterator[Outcome[Source, D]], predictor: Predictor[D, Any]) -> Iterator[Outcome[Source, D]]:
    """Tell each prediction what it was made of, so that it can be drawn."""
    drawer, kept = predictor.without_model(), Kept()
    for outcome in outcomes:
        if not isinstance(outcome.prediction, Failure):
            object.__setattr__(outcome.prediction, "_origin", Origin.of(drawer, outcome.source, kept))
        yield outcome


def run_decoding(
    predictor: Predictor[D, Any],
    sources: Iterable[S],
    read: Callable[[S], D],
    *,
    batch_size: int,
    workers: int,
    keep_decoded: bool,
    at_once: int = 1,
) -> Iterator[Outcome[S, D]]:
    """Do as `run`, for sources of any kind that `read` decodes, and that their `str` names."""
    check_numbers(batch_size, workers)
    budget = Budget()

    def load(numbered: tuple[int, S]) -> _Loaded[S, D, Any]:
        number, source = numbered
        budget.wait(number)
        loaded = _load(predictor, read, source, keep_decoded=keep_decoded)
        budget.add(loaded.size)
        return loaded

    loaded = _ahead(load, enumerate(sources), 2 * batch_size, workers, budget)
    batches = _batches(loaded, batch_size, budget.most // (2 * at_once))
    return _run(in_order(lambda batch: _predict_read(predictor, batch), batches, at_once), budget)


def check_numbers(batch_size: int, workers: int) -> None:
    """Raise a `ValueError` where a run is told what is out of range."""
    if batch_size < 1:
        raise ValueError(f"batch_size is a number of inputs: expected at least 1, found {batch_size}.")
    if workers < 0:
        raise ValueError(f"workers is a number of threads: expected at least 0, found {workers}.")


def _run(
    computed: Iterator[tuple[list[_Loaded[S, D, I]], Sequence[Prediction]]], budget: Budget
) -> Iterator[Outcome[S, D]]:
    for batch, found in computed:
        held = sum(item.size for item in batch)
        predictions = deque(found)
        outcomes = deque(Outcome(item.source, item.failure or predictions.popleft(), item.decoded) for item in batch)
        batch.clear()  # nothing of it is kept while the next one is read
        while outcomes:
            yield outcomes.popleft()
        budget.add(-held)


def _batches(items: Iterator[_Loaded[S, D, I]], size: int, most_bytes: int) -> Iterator[list[_Loaded[S, D, I]]]:
    """Yield items so many at a time, fewer of large ones; those before an error are there before it."""
    while True:
        batch: list[_Loaded[S, D, I]] = []
        held = 0
        try:
            for item in islice(items, size):
                batch.append(item)
                held += item.size
                del item
                if held >= most_bytes:
                    break
        except Exception:
            if batch:
                yield batch
            raise
        if not batch:
            return
        yield batch


def _predict_read(predictor: Predictor[D, I], batch: Sequence[_Loaded[S, D, I]]) -> Sequence[Prediction]:
    """Predict what of a batch could be read."""
    return _predict(predictor, [item for item in batch if item.failure is None])


def _predict(predictor: Predictor[D, I], batch: Sequence[_Loaded[S, D, I]]) -> Sequence[Prediction]:
    """Predict a batch; where the model refuses it, input by input, so that the others go on."""
    if not batch:
        return ()
    try:
        return predictor.predict([item.inputs for item in batch], [str(item.source) for item in batch])  # type: ignore[misc]
    except (ValueError, MemoryError, RuntimeError) as error:  # of torch, too, where it runs out of memory
        if len(batch) == 1:
            return [Failure(str(batch[0].source), f"{batch[0].source}: {_reason(error)}")]
    return [prediction for item in batch for prediction in _predict(predictor, [item])]


def _ahead(
    load: Callable[[tuple[int, S]], D], items: Iterable[tuple[int, S]], ahead: int, workers: int, budget: Budget
) -> Iterator[D]:
    """Load numbered items in order, in threads that are up to `ahead` items before the caller."""
    if workers == 0:
        for number, item in items:
            budget.ask_for(number)
            yield load((number, item))
        return
    waiting: deque[Future[D]] = deque()
    with threads(workers, "zoo-read") as pool:
        futures, number = _submitted(pool, load, items), 0
        try:
            waiting.extend(islice(futures, ahead))
            while waiting:
                budget.ask_for(number)
                number += 1
                result = waiting.popleft().result()
                waiting.extend(islice(futures, 1))
                yield result
                del result
        finally:
            for future in waiting:
                future.cancel()
            budget.ask_for(sys.maxsize)  # those that wait end


def _submitted(
    pool: ThreadPoolExecutor, load: Callable[[tuple[int, S]], D], items: Iterable[tuple[int, S]]
) -> Iterator[Future[D]]:
    """Give items to a pool, in order; an error of their iterator waits in its place for its turn."""
    try:
        for item in items:
            yield pool.submit(load, item)
    except Exception as error:  # noqa: BLE001 # raised when it is asked for
        failed: Future[D] = Future()
        failed.set_exception(error)
        yield failed


def _load(predictor: Predictor[D, I], read: Callable[[S], D], source: S, *, keep_decoded: bool) -> _Loaded[S, D, I]:
    try:
        decoded = read(source)
        inputs = predictor.preprocess(decoded)
        kept = decoded if keep_decoded else None
        return _Loaded(source, kept, inputs, size=bytes_of(kept, inputs))
    except (MediaError, OSError) as error:
        reason = str(error)
    except (ValueError, MemoryError, RuntimeError) as error:  # of torch, too, where it runs out of memory
        reason = f"{source}: {_reason(error)}"
    return _Loaded(source, failure=Failure(str(source), reason))


def _reason(error: Exception) -> str:
    return str(error) or ("there is not enough memory" if isinstance(error, MemoryError) else type(error).__name__)
