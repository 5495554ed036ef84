"""Export a model to another runtime, and prove that it agrees."""

import re
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from zoo_core.cli.plug_in import (
    Table,
    echo,
    json_option,
    note,
    parse_settings,
    print_json,
    print_table,
    quiet_option,
    refuse_given,
    user_errors,
)
from zoo_export.formats import FORMATS, format_of, get_format


@click.command("export")
@click.argument("model", required=False)
@click.option("--to", type=click.Choice(list(FORMATS)), help="The format. [default: told from the suffix of the file]")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="The file.")
@click.option("--weights", default="DEFAULT", show_default=True, help="One of the model's weights entries.")
@click.option(
    "--size", metavar="WIDTHxHEIGHT", help="All inputs have this size in pixels. [default: inputs are of any size]"
)
@click.option(
    "--dynamic",
    metavar="AXES",
    help="Which axes may have any length, as in batch,height,width. [default: all that the model allows]",
)
@click.option("--half", "precision", flag_value="float16", help="The network computes in float16.")
@click.option("--bf16", "precision", flag_value="bfloat16", help="The network computes in bfloat16.")
@click.option("--int8", "precision", flag_value="int8", help="The network computes in int8; needs --calibrate.")
@click.option(
    "--calibrate",
    "calibration",
    metavar="FOLDER",
    help="For --int8, at least 64 pictures like those that the file will be given: some show what ranges values have, "
    "on others the file is compared. [or noise, to try]",
)
@click.option("--raw", is_flag=True, help="The network alone: no preprocessing, no results.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the results are: labels_at=input, min_score=0.5, masks=boxes, num_frames=8, num_flow_updates=32, "
    "padding=kitti.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    help="The largest difference that is allowed. [default: 0.001; --half 0.02; --bf16 0.1; --int8 0.1, on average]",
)
@click.option(
    "--verify",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Compare an exported file again with the model that it names, or with MODEL.",
)
@click.option("--list", "lists", is_flag=True, help="List the formats, and what each needs.")
@json_option
@quiet_option
def command(
    model: str | None,
    to: str | None,
    output: Path | None,
    verify: Path | None,
    calibration: str | None,
    tolerance: float | None,
    lists: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Export a model to another runtime, and prove that it agrees.

    The file takes uint8 RGB pictures of any size, and gives results. A certificate is written beside it.

    \b
    zoo export resnet50 -o resnet50.onnx
    zoo export local-dir:runs/flowers --to openvino --size 640x480 -o flowers.xml
    zoo export resnet50 --int8 --calibrate photos/ -o resnet50.int8.onnx
    zoo export --verify resnet50.onnx
    """
    with user_errors():
        if lists:
            _list(as_json=as_json)
        elif verify is not None:
            _verify(verify, model, calibration, tolerance, as_json=as_json, quiet=quiet, **options)
        else:
            _export(model, to, output, calibration, tolerance, as_json=as_json, quiet=quiet, **options)


def _export(
    model: str | None,
    to: str | None,
    output: Path | None,
    calibration: str | None,
    tolerance: float | None,
    *,
    weights: str,
    size: str | None,
    dynamic: str | None,
    precision: str | None,
    raw: bool,
    settings: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    if model is None or output is None:
        raise ValueError("Give a model and the file to write: zoo export MODEL -o FILE.")
    form = format_of(output) if to is None else get_format(to)
    height_and_width = None if size is None else _size(size)

    from zoo_export import export
    from zoo_export._export import program_class
    from zoo_export.certificate import Certificate, certificate_path

    kind, told = program_class(model), parse_settings(settings)
    kind.check_options(model, told, raw=raw)
    exported = export(
        model,
        form.name,
        output,
        weights=weights,
        raw=raw,
        fixed=() if dynamic is None else _fixed(dynamic, kind.axes(raw=raw)),
        size=height_and_width,
        precision=precision or "float32",
        calibration=calibration,
        tolerance=tolerance,
        told=lambda what: note(what, quiet=quiet),
        **told,
    )
    found = Certificate.read(certificate_path(exported.path))
    if as_json:
        print_json(found.to_dict())
        return
    for fact in (*exported.facts.inputs, *exported.facts.outputs):
        note(f"{fact.name}: {fact.dtype} ({', '.join(map(str, fact.axes))})", quiet=quiet)
    echo(f"{exported.path}: {found.summary()}")


def _verify(
    path: Path,
    model: str | None,
    calibration: str | None,
    tolerance: float | None,
    *,
    weights: str,
    as_json: bool,
    quiet: bool,
    **_of_new_files: object,
) -> None:
    reason = "is for a file that is written, and --verify looks at one that is there"
    refuse_given(("to", "output", "size", "dynamic", "raw", "settings"), reason)
    if _of_new_files["precision"] is not None:
        raise ValueError(f"--half, --bf16 and --int8 are for a file that is written: {path} has its precision.")

    from zoo_export._export import verify

    source = click.get_current_context().get_parameter_source("weights")
    found = verify(
        path,
        model=model,
        weights=None if source is ParameterSource.DEFAULT else weights,
        calibration=calibration,
        tolerance=tolerance,
        told=lambda what: note(what, quiet=quiet),
    )
    if as_json:
        print_json(found.to_dict())
    else:
        echo(f"{path}: {found.summary()}")
    if not found.holds:
        raise click.ClickException(f"{path} does not give what {found.model} gives.")


def _list(*, as_json: bool) -> None:
    forms = [get_format(name) for name in FORMATS]
    if as_json:
        print_json(
            [
                {
                    "format": each.name,
                    "suffix": each.suffix,
                    "needs": list(each.needs),
                    "missing": each.missing,
                    "int8": bool(each.quantizer),
                }
                for each in forms
            ]
        )
        return
    rows = [
        [
            each.name,
            each.suffix,
            each.text,
            ", ".join(each.needs) or "-",
            f"pip install 'zoo-export[{each.extra}]'" if each.missing else "yes",
        ]
        for each in forms
    ]
    print_table(Table(["format", "suffix", "runs in", "needs", "is here"], rows))


def _size(text: str) -> tuple[int, int]:
    """Return height and width."""
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if found is None:
        raise ValueError(f"--size is width and height in pixels, as in 640x480: found {text!r}.")
    return int(found[2]), int(found[1])


def _fixed(dynamic: str, axes: tuple[str, ...]) -> list[str]:
    asked = {name.strip() for name in dynamic.split(",") if name.strip()}
    unknown = sorted(asked - set(axes))
    if unknown:
        raise ValueError(f"--dynamic names some of {', '.join(axes)}: found {', '.join(unknown)}.")
    return [axis for axis in axes if axis not in asked]
