"""From sources to predictions, one after the other, whatever happens to single ones."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from zoo_core.errors import MediaError

from ._predictor import Predictor
from ._results import Failure, Prediction
from ._sources import Source

D = TypeVar("D")
I = TypeVar("I")  # noqa: E741 # inputs


@dataclass(frozen=True, slots=True)
class Outcome(Generic[D]):
    """What came of a source.

    Args:
        source: What was predicted on.
        prediction: What the model said, or a `Failure`.
        decoded: What its files held; `None` where they could not be read.
    """

    source: Source
    prediction: Prediction
    decoded: D | None


@dataclass(frozen=True, slots=True)
class _Loaded(Generic[D, I]):
    """A source that has been read: either its input is there or its failure."""

    source: Source
    decoded: D | None = None
    inputs: I | None = None
    failure: Failure | None = None


def stream(
    predictor: Predictor[Any, Any], sources: Iterable[Source], *, batch_size: int = 8, workers: int = 0
) -> Iterator[Prediction]:
    """Yield a prediction or a `Failure` for each source, in order.

    Args:
        predictor: As `load_predictor` gives it.
        sources: What to predict on, any number.
        batch_size: How many inputs to run through the model at once.
        workers: Threads that read ahead while the model computes; 0 reads between the batches, and no further than is
            asked for. What is held in memory is bounded either way, by three batches.

    Raises:
        ValueError: `batch_size` or `workers` is out of range.
    """
    return (outcome.prediction for outcome in run(predictor, sources, batch_size=batch_size, workers=workers))


def run(
    predictor: Predictor[D, I], sources: Iterable[Source], *, batch_size: int = 8, workers: int = 0
) -> Iterator[Outcome[D]]:
    """Yield what came of each source, as `stream` does, with what was decoded.

    Raises:
        ValueError: `batch_size` or `workers` is out of range.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is a number of inputs: expected at least 1, found {batch_size}.")
    if workers < 0:
        raise ValueError(f"workers is a number of threads: expected at least 0, found {workers}.")
    return _run(predictor, _read_ahead(predictor, sources, batch_size, workers), batch_size)


def _run(predictor: Predictor[D, I], loaded: Iterator[_Loaded[D, I]], batch_size: int) -> Iterator[Outcome[D]]:
    while batch := list(islice(loaded, batch_size)):
        predictions = iter(_predict(predictor, [item for item in batch if item.failure is None]))
        for item in batch:
            yield Outcome(item.source, item.failure or next(predictions), item.decoded)


def _predict(predictor: Predictor[D, I], batch: Sequence[_Loaded[D, I]]) -> Sequence[Prediction]:
    """Predict a batch; where the model refuses it, input by input, so that the others go on."""
    if not batch:
        return ()
    try:
        return predictor.predict([item.inputs for item in batch], [str(item.source) for item in batch])  # type: ignore[misc]
    except ValueError as error:
        if len(batch) == 1:
            return [Failure(str(batch[0].source), f"{batch[0].source}: {error}")]
    return [prediction for item in batch for prediction in _predict(predictor, [item])]


def _read_ahead(
    predictor: Predictor[D, I], sources: Iterable[Source], batch_size: int, workers: int
) -> Iterator[_Loaded[D, I]]:
    if workers == 0:
        yield from (_load(predictor, source) for source in sources)
        return
    sources = iter(sources)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="zoo-read")
    try:
        waiting = deque(pool.submit(_load, predictor, source) for source in islice(sources, 2 * batch_size))
        while waiting:
            item = waiting.popleft().result()
            waiting.extend(pool.submit(_load, predictor, source) for source in islice(sources, 1))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)


def _load(predictor: Predictor[D, I], source: Source) -> _Loaded[D, I]:
    decoded: D | None = None
    try:
        decoded = predictor.read(source.paths)
        return _Loaded(source, decoded, predictor.preprocess(decoded))
    except (MediaError, OSError) as error:
        reason = str(error)
    except ValueError as error:
        reason = f"{source}: {error}"
    return _Loaded(source, decoded, failure=Failure(str(source), reason))
