"""Puts the tables of a run of benchmarks into docs/benchmarks.md, below its marker, and into docs/benchmarks.json.

Tables that the run did not make stay as they are, with their date.

nox -s bench             # runs all benchmarks, then this
"""

import json
import os
from pathlib import Path

from measure import markdown

DOCS = Path(__file__).resolve().parents[1] / "docs"
MARKER = "<!-- What follows is written by benchmarks/report.py. -->"


def main(results: Path) -> None:
    """Take the tables of `results.jsonl` in a folder; of those with the same title the last, also of earlier runs."""
    page, data = DOCS / "benchmarks.md", DOCS / "benchmarks.json"
    earlier = json.loads(data.read_text(encoding="utf-8")) if data.exists() else []
    found = (results / "results.jsonl").read_text(encoding="utf-8").splitlines()
    tables = {table["title"]: table for table in [*earlier, *map(json.loads, found)]}.values()
    prose, marker, _ = page.read_text(encoding="utf-8").partition(MARKER)
    if not marker:
        raise SystemExit(f"{page} has no line {MARKER!r}: put it where the tables should go.")
    page.write_text("\n".join([prose + marker, *map(markdown, tables), ""]), encoding="utf-8")
    lines = [json.dumps(table, ensure_ascii=False) for table in tables]
    data.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(os.environ["BENCHMARK_RESULTS"]))
