"""Measure how good a model is on a data set, by a published protocol."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo_core.cli.plug_in import (
    Table,
    echo,
    json_option,
    note,
    parse_shard,
    print_json,
    print_table,
    quiet_option,
    refuse_given,
    user_errors,
)

if TYPE_CHECKING:
    from zoo_evaluation import EvaluationJob, Record


@click.command("evaluate")
@click.argument("model", required=False)
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--weights", default="DEFAULT", show_default=True, help="One of the model's weights entries.")
@click.option("--protocol", help="How to measure; told from the data set by default.")
@click.option("--layout", help="How the data set lies in its folder; told from its files by default.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep predictions and the record there; run again, it goes on where it was stopped.",
)
@click.option(
    "--from",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Compute the numbers again from the predictions there, without a model.",
)
@click.option("--retry", is_flag=True, help="Predict again what could not be read when --output was written before.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Samples at once. [default: the protocol's]")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(min=0), help="Threads that read ahead.")
@click.option("--device", default="cpu", show_default=True, help="Where to run, as torch names devices.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many samples, the first ones.")
@click.option("--shard", "part", metavar="I/N", help="Only every N-th sample, from the I-th on: one of N runs.")
@click.option("--optimized", is_flag=True, help="Take some seconds to make the model faster first.")
@click.option(
    "--assert-within",
    "tolerance",
    type=click.FloatRange(min=0),
    help="Fail if a number is further from the published one than that.",
)
@click.option("--report", is_flag=True, help="Write a page with figures and pictures, report.html, into that folder.")
@click.option("--list", "lists", is_flag=True, help="List the protocols.")
@json_option
@quiet_option
def command(
    model: str | None,
    data: Path | None,
    folder: Path | None,
    part: str | None,
    tolerance: float | None,
    report: bool,
    lists: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure how good a model is on a data set.

    The data set's layout and the protocol are told from its files. Several processes share the work under torchrun, or
    with --shard, and meet in the folder of --output.

    \b
    zoo evaluate resnet50 imagenet/ --assert-within 0.1
    zoo evaluate resnet50 my-photos/ -o runs/resnet50
    zoo evaluate --from runs/resnet50 --report
    """
    from zoo_evaluation._shards import is_first

    with user_errors():
        if lists:
            _list(as_json=as_json)
            return
        job = _job(model, data, folder, part, progress=not quiet, **options)
        if report and job.output is None:
            raise ValueError("--report goes into the folder of --output: give that, too.")
        record = job.recompute() if folder else job.run()
        if record is None:
            note("This part is done. The numbers come when the others are.", quiet=quiet)
            return
        if is_first():
            _print(record, as_json=as_json, quiet=quiet)
            if report:
                note(f"The report is {job.write_report(record)}", quiet=quiet)
    _check(record, tolerance)


def _job(
    model: str | None, data: Path | None, folder: Path | None, part: str | None, **options: Any
) -> "EvaluationJob":
    from zoo_evaluation._evaluate import EvaluationJob, job_of

    if folder is not None:
        if model is not None and data is not None:
            raise ValueError("--from knows the model: give at most the folder of the data set, if it has moved.")
        refuse_given(("part", *options), "is of the run whose predictions --from reads")
        return job_of(folder, Path(model) if model else None)
    if model is None or data is None:
        raise ValueError("Give a model and the folder of a data set: zoo evaluate MODEL DATA.")
    return EvaluationJob(model=model, dataset=data, shard=parse_shard(part) if part else None, **options)


def _print(record: "Record", *, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(record.to_dict())
        return
    header, rows = record.table()
    print_table(Table(header, rows, right=header[1:]))
    for text in record.summary():
        echo(text)
    speed = record.timing["samples_per_second"]
    note(f"{record.dataset['samples']} samples" + (f", {speed:.1f} a second" if speed else ""), quiet=quiet)


def _list(*, as_json: bool) -> None:
    from zoo_evaluation.protocols import get_protocol, list_protocols

    protocols = [get_protocol(name) for name in list_protocols()]
    if as_json:
        print_json([{"name": each.name, "task": each.task, "metrics": list(each.metrics)} for each in protocols])
        return
    print_table(
        Table(
            ["protocol", "task", "data set", "metrics"],
            [[each.name, each.task, each.title, ", ".join(each.metrics)] for each in protocols],
        )
    )


def _check(record: "Record", tolerance: float | None) -> None:
    if tolerance is None:
        return
    known = [each for each in record.metrics if each.difference is not None]
    if not known:
        raise click.ClickException("Nothing is published for this model on this data set to compare with.")
    far = [each for each in known if not math.fabs(each.difference or 0.0) <= tolerance]
    if far:
        told = ", ".join(f"{each.name} {each.value:.3f} instead of {each.published}" for each in far)
        raise click.ClickException(f"Further than {tolerance} from what is published: {told}.")
