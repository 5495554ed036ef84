"""`zoo predict`."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from zoo_core._registry import get_model_weights
from zoo_core._weights import WeightsEnum
from zoo_core.files import resolve
from zoo_core.prediction import (
    Failure,
    Media,
    Prediction,
    Source,
    check_options,
    embedded_model,
    find_sources,
    shard,
    task_of,
)

from ._common import json_option, note, print_json, quiet_option, user_errors
from ._results import check_output, write_results


@click.command("predict")
@click.argument("paths", metavar="FILE|FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", help="The model; without it, the one that comes with its weights inside an installed package.")
@click.option("--weights", default="DEFAULT", show_default=True, help="One of the model's weights entries.")
@click.option("--topk", type=click.IntRange(min=1), help="Classes to report for an image or a video. [default: 5]")
@click.option(
    "--min-score", type=click.FloatRange(0, 1), help="Least score of an object that is reported. [default: 0.5]"
)
@click.option(
    "--device", default="cpu", show_default=True, help="Where to run, as torch names devices: cpu, cuda, mps."
)
@click.option("--batch-size", default=8, show_default=True, type=click.IntRange(min=1), help="Inputs at once.")
@click.option(
    "--workers", default=2, show_default=True, type=click.IntRange(min=0), help="Threads that read ahead of the model."
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a row for each input to a .jsonl or .parquet file; run again, it goes on where it was stopped.",
)
@click.option("--retry", is_flag=True, help="With --output: predict again what gave an error before.")
@click.option(
    "--optimize/--no-optimize",
    "optimized",
    default=None,
    help="Take some seconds to make the model faster first. [default: with --output]",
)
@click.option("--shard", "part", metavar="I/N", help="Only every N-th input, from the I-th on: one of N runs.")
@click.option("--save", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help="Draw the predictions.")
@json_option
@quiet_option
def command(
    paths: tuple[Path, ...],
    model: str | None,
    weights: str,
    topk: int | None,
    min_score: float | None,
    device: str,
    batch_size: int,
    workers: int,
    output: Path | None,
    retry: bool,
    optimized: bool | None,
    part: str | None,
    save: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Predict on images and folders of images; on videos with a video model, on pairs of images with a flow model.

    What cannot be read is reported, and the others go on; the exit status is then 1.

    \b
    zoo predict photos/ --model resnet50 --topk 3
    zoo predict street.jpg --model fasterrcnn_resnet50_fpn_v2 --save drawn/
    zoo predict clip.mp4 --model r3d_18
    zoo predict frame1.png frame2.png --model raft_small --save drawn/
    zoo predict photos/ --model resnet50 -o results.jsonl
    """
    given = {"topk": topk, "min_score": min_score}
    options = {name: value for name, value in given.items() if value is not None}
    with user_errors():
        model = model or _embedded()
        check_options(model, options)
        media = task_of(model).media
        sources = _sources(paths, media, part)
        first = next(iter(sources), None)
        if first is None:
            raise ValueError(f"No {media} were found there, which is what {model} predicts on.")
        if output is not None:
            check_output(output)
        elif retry:
            raise ValueError("--retry goes with --output.")
        member = _tell_origin(model, weights, quiet=quiet)
        from zoo_core.prediction import PictureFolder, load_predictor, run

        optimized = output is not None if optimized is None else optimized
        predictor = load_predictor(
            model,
            weights,
            device=device,
            progress=not quiet,
            batch_size=batch_size,
            optimized=optimized,
            **options,
        )
        pictures = None if save is None else PictureFolder(save, predictor, sources)

        def predictions(chosen: Iterable[Source]) -> Iterator[Prediction]:
            for outcome in run(predictor, chosen, batch_size=batch_size, workers=workers):
                if pictures is not None:
                    pictures.save(outcome)
                yield outcome.prediction

        if output is not None:
            rows, failures = write_results(output, sources, predictions, weights=str(member), retry=retry, quiet=quiet)
        else:
            rows, failures = _print(predictions(sources), sources, as_json=as_json)
        if save is not None:
            note(f"{rows - failures} pictures in {save}", quiet=quiet)
    if failures:
        raise click.ClickException(f"{failures} of {rows} {media} could not be read.")


class _Listing:
    """The sources, listed anew each time that they are iterated over: any number takes no memory."""

    def __init__(self, listed: Callable[[], Iterator[Source]]) -> None:
        self._listed = listed

    def __iter__(self) -> Iterator[Source]:
        return self._listed()


def _sources(paths: tuple[Path, ...], media: Media, part: str | None) -> Iterable[Source]:
    if part is None:
        return _Listing(lambda: find_sources(paths, media))
    number, _, count = part.partition("/")
    if not (number.isdecimal() and count.isdecimal()):
        raise ValueError(f"--shard is I/N, as in 1/4: found {part!r}.")
    chosen = int(number), int(count)
    return _Listing(lambda: shard(find_sources(paths, media), *chosen))


def _embedded() -> str:
    name = embedded_model()
    if name is None:
        raise ValueError("Choose a --model (see `zoo list`): no installed package brings one with its weights inside.")
    return name


def _tell_origin(model: str, weights: str, *, quiet: bool) -> WeightsEnum:
    """Tell which weights are used, where they are from, and that they were verified; return their entry."""
    member = get_model_weights(model).verify(weights)
    assert member is not None
    found = resolve(member.file, progress=not quiet)
    note(f"model    {model} ({member})", quiet=quiet)
    note(f"weights  from {found.source}: {found.path}", quiet=quiet)
    compared = {
        "full digest": "verified",
        "prefix": "verified against the prefix in its name",
        "unknown": "not verifiable",
    }
    note(f"SHA-256  {found.sha256} ({compared[found.verified]})", quiet=quiet)
    return member


def _print(predictions: Iterable[Prediction], sources: Iterable[Source], *, as_json: bool) -> tuple[int, int]:
    """Print the predictions; return how many there were, and how many of them are failures."""
    if as_json:
        listed = list(predictions)
        print_json([prediction.to_dict() for prediction in listed])
        return len(listed), sum(isinstance(prediction, Failure) for prediction in listed)
    width = max(len(str(source)) for source in sources)
    rows = failures = 0
    for rows, prediction in enumerate(predictions, start=1):  # noqa: B007 # the last number counts
        failed = isinstance(prediction, Failure)
        failures += failed
        line = prediction.summary() if failed else f"{prediction.source.ljust(width)}  {prediction.summary()}"
        click.echo(line, err=failed)
    return rows, failures
