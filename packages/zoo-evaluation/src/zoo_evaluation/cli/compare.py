"""Lay several models side by side: how good they are, and what they cost."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo_core.cli.plug_in import (
    OutputFile,
    Table,
    echo,
    json_option,
    note,
    print_json,
    print_table,
    quiet_option,
    refuse_given,
    user_errors,
)

if TYPE_CHECKING:
    from zoo_evaluation.compare import Compared, Comparison


@click.command("compare")
@click.argument("models", nargs=-1, required=True, metavar="RECORD... | MODEL...")
@click.option("--data", type=click.Path(path_type=Path), help="Evaluate models on this data set, and time them.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep each model's run in a folder there; run again, it goes on where it was stopped.",
)
@click.option("--metric", help="How good models are. [default: the first that all records have]")
@click.option(
    "--by",
    "cost",
    type=click.Choice(["latency", "parameters", "size", "memory"]),
    help="What they cost. [default: latency, if that is known]",
)
@click.option("--csv", "table", metavar="FILE", type=OutputFile(), help="Write the figures there.")
@click.option(
    "--html", "page", metavar="FILE", type=OutputFile(), help="Write a page with the figures and the front there."
)
@click.option("--png", "picture", metavar="FILE", type=OutputFile(), help="Draw the front there.")
@click.option("--protocol", help="How to measure; told from the data set by default.")
@click.option("--layout", help="How the data set lies in its folder; told from its files by default.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(min=0), help="Threads that read ahead.")
@click.option("--device", default="cpu", show_default=True, help="Where to run, as torch names devices.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many samples, the first ones.")
@click.option("--optimized", is_flag=True, help="Take some seconds for each model to make it faster first.")
@json_option
@quiet_option
def command(
    models: tuple[str, ...],
    data: Path | None,
    output: Path | None,
    metric: str | None,
    cost: str | None,
    table: Path | None,
    page: Path | None,
    picture: Path | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Lay several models side by side: how good they are, and what they cost.

    Takes records of `zoo evaluate`, as files or as folders of runs; or, with --data, models (or MODEL:WEIGHTS), which
    it evaluates and times one after the other, each in a process of its own. Models that no other one beats in both
    are marked: the Pareto front.

    \b
    zoo compare resnet50 mobilenet_v3_large --data my-photos/ --html models.html
    zoo compare runs/resnet50 runs/mobilenet --by parameters --csv models.csv
    """
    from zoo_evaluation.compare import Comparison

    with user_errors():
        if data is None:
            refuse_given(("output", *options), "is for models that are evaluated, with --data")
            found, failed = _read(models), list[str]()
        else:
            found, failed = _evaluated(models, data, output, metric, quiet=quiet, **options)
        if not found:
            raise click.ClickException("None of the models could be evaluated.")
        comparison = Comparison(models=found, metric=metric, cost=cost)
        _print(comparison, as_json=as_json, quiet=quiet)
        _write(comparison, table, page, picture)
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(models)} models are missing: {', '.join(failed)}.")


def _read(paths: Sequence[str]) -> "list[Compared]":
    from zoo_evaluation.compare import read_compared

    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise ValueError(
            f"{missing[0]} is no file and no folder: expected records of zoo evaluate. To evaluate models, give the "
            "data set, too: --data DIR."
        )
    return read_compared([Path(path) for path in paths])


def _evaluated(
    models: Sequence[str], data: Path, output: Path | None, metric: str | None, *, quiet: bool, **options: Any
) -> "tuple[list[Compared], list[str]]":
    from zoo_evaluation.compare import Compared, Comparison, compare_models

    found, failed = list[Compared](), list[str]()
    for each in compare_models(list(dict.fromkeys(models)), data, output, progress=not quiet, **options):
        if isinstance(each, Compared):
            if not found:
                Comparison(models=[each], metric=metric)  # a metric that there is not is said before the next one
            found.append(each)
            note(f"{each.name}: done", quiet=quiet)
        else:
            name, error = each
            failed.append(name)
            echo(f"{name}: {error}", err=True)
    return found, failed


def _write(comparison: "Comparison", table: Path | None, page: Path | None, picture: Path | None) -> None:
    from zoo_evaluation._files import write_whole

    if table is not None:
        rows = comparison.to_list()
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        write_whole(table, text.getvalue())
    if page is not None:
        from zoo_evaluation.report._page import page as page_of

        title = comparison.models[0].record.protocol["title"]
        subtitle = f"{len(comparison.models)} models side by side"
        write_whole(page, page_of(title, subtitle, comparison.sections(), comparison.notes))
    if picture is not None:
        from zoo_evaluation.report._canvases import chart_image

        drawn = io.BytesIO()
        chart_image(comparison.chart()).save(drawn, "PNG")
        write_whole(picture, drawn.getvalue())


def _print(comparison: "Comparison", *, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(comparison.to_list())
        return
    header, rows = comparison.table()
    print_table(Table(header, rows, right=header[1:-1]))
    metric, cost = comparison.by
    note(f"*: no other one beats it in {metric} and {cost}.", quiet=quiet)
    for text in comparison.notes:
        note(text, quiet=quiet)
