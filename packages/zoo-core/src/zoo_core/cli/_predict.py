"""`zoo predict`."""

from collections.abc import Iterable
from pathlib import Path

import click

from zoo_core._registry import get_model_weights
from zoo_core.files import resolve
from zoo_core.prediction import Failure, Prediction, check_options, embedded_model, find_sources, task_of

from ._common import json_option, note, print_json, quiet_option, user_errors


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
    """
    given = {"topk": topk, "min_score": min_score}
    options = {name: value for name, value in given.items() if value is not None}
    with user_errors():
        model = model or _embedded()
        check_options(model, options)
        media = task_of(model).media
        sources = list(find_sources(paths, media))
        if not sources:
            raise ValueError(f"No {media} were found there, which is what {model} predicts on.")
        _tell_origin(model, weights, quiet=quiet)
        from zoo_core.prediction import PictureFolder, load_predictor, run

        predictor = load_predictor(model, weights, device=device, progress=not quiet, **options)
        pictures = None if save is None else PictureFolder(save, predictor, sources)

        def predictions() -> Iterable[Prediction]:
            for outcome in run(predictor, sources, batch_size=batch_size):
                if pictures is not None:
                    pictures.save(outcome)
                yield outcome.prediction

        width = max(len(str(source)) for source in sources)
        failures = _print_as_json(predictions()) if as_json else _print_lines(predictions(), width)
        if save is not None:
            note(f"{len(sources) - failures} pictures in {save}", quiet=quiet)
    if failures:
        raise click.ClickException(f"{failures} of {len(sources)} {media} could not be read.")


def _embedded() -> str:
    name = embedded_model()
    if name is None:
        raise ValueError("Choose a --model (see `zoo list`): no installed package brings one with its weights inside.")
    return name


def _tell_origin(model: str, weights: str, *, quiet: bool) -> None:
    """Tell which weights are used, where they are from, and that they were verified."""
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


def _print_as_json(predictions: Iterable[Prediction]) -> int:
    listed = list(predictions)
    print_json([prediction.to_dict() for prediction in listed])
    return sum(isinstance(prediction, Failure) for prediction in listed)


def _print_lines(predictions: Iterable[Prediction], width: int) -> int:
    failures = 0
    for prediction in predictions:
        failed = isinstance(prediction, Failure)
        failures += failed
        click.echo(prediction.summary() if failed else _line(prediction, width), err=failed)
    return failures


def _line(prediction: Prediction, width: int) -> str:
    return f"{prediction.source.ljust(width)}  {prediction.summary()}"
