"""How long users wait for imports: cold processes, ours against torchvision's, in one run.

nox -s bench -- start
"""

from measure import in_turn, milliseconds, print_table, process_seconds, ratio

PAIRS = {
    "list the models": (
        "import zoo_core; zoo_core.list_models()",
        "import torchvision; torchvision.models.list_models()",
    ),
    "import the package": ("import zoo_classification", "import torchvision.models"),
    "metadata of one entry": (
        "import zoo_core; zoo_core.get_weight('ResNet50_Weights.DEFAULT').meta['categories']",
        "import torchvision; torchvision.models.get_weight('ResNet50_Weights.DEFAULT').meta['categories']",
    ),
    "import, and build resnet18": (
        "import zoo_classification; zoo_classification.resnet18()",
        "import torchvision; torchvision.models.resnet18()",
    ),
}


def main(rounds: int = 7) -> None:
    rows = []
    for name, codes in PAIRS.items():
        ours, theirs, bare = in_turn([process_seconds(code) for code in (*codes, "pass")], rounds)
        rows.append((name, milliseconds(ours), milliseconds(theirs), milliseconds(bare), f"{ratio(ours, theirs):.1f}"))
    print_table("Start, cold process", ("", "zoo", "torchvision", "bare Python", "times faster"), rows)
    commands(rounds)


def commands(rounds: int) -> None:
    """Compare commands that do not compute with bare Python and the import of their command-line library."""
    names = ("--help", "list")
    processes = [process_seconds(code) for code in ("pass", "import click")]
    processes += [process_seconds("from zoo_core.cli import run; run()", name) for name in names]
    bare, click, *ours = in_turn(processes, rounds)
    bar = [2 * python + (library - python) for python, library in zip(bare, click, strict=True)]
    rows = [
        (f"zoo {name}", milliseconds(times), milliseconds(bar), f"{ratio(times, bar):.2f}")
        for name, times in zip(names, ours, strict=True)
    ]
    print_table("Commands, cold process", ("", "zoo", "twice bare Python, and click", "times faster"), rows)


if __name__ == "__main__":
    main()
