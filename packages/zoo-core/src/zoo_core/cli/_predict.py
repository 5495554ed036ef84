"""`zoo predict`."""

from collections.abc import Iterable
from pathlib import Path

import click

from zoo_core._registry import get_model_weights
from zoo_core.files import resolve
from zoo_core.prediction import Classification, Failure, Prediction, embedded_model, image_files

from ._common import note, print_json, quiet_option, user_errors


@click.command("predict")
@click.argument("paths", metavar="FILE|FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", help="The model; without it, the one that comes with its weights inside an installed package.")
@click.option("--weights", default="DEFAULT", show_default=True, help="One of the model's weights entries.")
@click.option(
    "--topk", default=5, show_default=True, type=click.IntRange(min=1), help="Classes to report for an image."
)
@click.option(
    "--device", default="cpu", show_default=True, help="Where to run, as torch names devices: cpu, cuda, mps."
)
@click.option("--batch-size", default=8, show_default=True, type=click.IntRange(min=1), help="Images at once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
@quiet_option
def command(
    paths: tuple[Path, ...],
    model: str | None,
    weights: str,
    topk: int,
    device: str,
    batch_size: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Predict on images and folders of images.

    An image that cannot be read is reported, and the others go on; the exit status is then 1.

    \b
    zoo predict photos/ --model resnet50 --topk 3
    """
    with user_errors():
        files = list(image_files(paths))
        if not files:
            raise ValueError("No image was found there.")
        model = model or _embedded()
        _tell_origin(model, weights, quiet=quiet)
        from zoo_core.prediction import load_predictor, stream

        predictor = load_predictor(model, weights, device=device, topk=topk, progress=not quiet)
        predictions = stream(predictor, files, batch_size=batch_size)
        width = max(len(str(file)) for file in files)
        failures = _print_as_json(predictions) if as_json else _print_lines(predictions, width)
    if failures:
        raise click.ClickException(f"{failures} of {len(files)} images could not be read.")


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
        failures += isinstance(prediction, Failure)
        click.echo(_line(prediction, width), err=isinstance(prediction, Failure))
    return failures


def _line(prediction: Prediction, width: int) -> str:
    if isinstance(prediction, Failure):
        return prediction.error  # names the file
    assert isinstance(prediction, Classification)
    labels = (f"{label.label} {label.score:.1%}" for label in prediction.top)
    return "  ".join([prediction.source.ljust(width), *labels])
