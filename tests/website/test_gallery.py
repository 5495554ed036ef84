"""The gallery shows every model and weights entry, with the figures that the catalogue and the benchmarks state."""

import json
import re
import shlex
from html import unescape
from pathlib import Path

import click
import pytest
import torch

from zoo_core import get_model_weights, list_models, list_weights
from zoo_core.building import without_files
from zoo_core.cli import main
from zoo_site import Site
from zoo_site.api import public_modules, public_names
from zoo_site.gallery import write_pages
from zoo_site.gallery._blocks import Block, blocks
from zoo_site.gallery._columns import SIZES, metric_columns
from zoo_site.gallery._entries import Entry, natural, read_entries
from zoo_site.gallery._latency import latencies, milliseconds, read_measured
from zoo_site.gallery._layers import read_layers
from zoo_site.gallery.write_layers import layers_of

from .small_models import SMALL

ROOT = Path(__file__).parents[2]
TABLES = read_measured(ROOT)
ENTRIES = read_entries(latencies(TABLES))
LAYERS = read_layers(ROOT)
BY_NAME = {entry.name: entry for entry in ENTRIES if entry.is_default}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all pages of the gallery."""
    site = Site(ROOT, tmp_path_factory.mktemp("site"), "0")
    write_pages(site)
    return site.source


@pytest.fixture(scope="module")
def tables(written: Path) -> str:
    return (written / "gallery" / "index.md").read_text(encoding="utf-8")


def rows(tables: str) -> list[str]:
    return re.findall(r"<tr data-name=.*?</tr>", tables)


def test_the_gallery_has_every_entry_once(tables):
    shown = [f"{match[1]} {match[2]}" for match in re.finditer(r'data-name="([^"]+)" data-member="([^"]+)"', tables)]
    assert sorted(shown) == sorted(f"{name} {each.name}" for name in list_models() for each in get_model_weights(name))
    assert len(shown) == len(list_weights())


def test_every_row_leads_to_its_entry(tables, written):
    for row in rows(tables):
        page, anchor = re.findall(r'href="([^"#]+)\.html#([^"]+)"', row)[0]
        text = (written / "gallery" / f"{page}.md").read_text(encoding="utf-8")
        targets = [re.sub("[^a-z0-9]+", "-", name) for name in re.findall(r"^\(([^)]+)\)=$", text, re.MULTILINE)]
        assert targets.count(anchor) == 1, (page, anchor)


def test_every_page_is_listed(written):
    listed = set()
    for page in (written / "gallery").rglob("index.md"):
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            names = [line for line in tree.splitlines() if line and not line.startswith(":")]
            listed |= {(page.parent / f"{name}.md").resolve() for name in names}
    assert listed == {path.resolve() for path in written.rglob("*.md")} - {written / "gallery" / "index.md"}


def test_the_figures_are_those_of_the_catalogue(tables):
    row = next(row for row in rows(tables) if 'data-member="IMAGENET1K_V2"' in row and 'data-name="resnet50"' in row)
    meta = get_model_weights("resnet50")["IMAGENET1K_V2"].meta
    values = [float(value) for value in re.findall(r'<td class="zoo-number" data-value="([^"]+)">', row)]
    metrics = meta["_metrics"]["ImageNet-1K"]
    assert values[:4] == [metrics["acc@1"], metrics["acc@5"], meta["num_params"] / 1e6, meta["_ops"]]
    assert f">{metrics['acc@1']:.3f}<" in row
    assert meta["license"] in row


def test_a_time_is_that_of_the_benchmarks():
    table = next(
        table for table in json.loads((ROOT / "docs" / "benchmarks.json").read_text()) if "Int8" in table["title"]
    )
    name, _, time = table["rows"][0][:3]
    assert BY_NAME[name].latency == milliseconds(time)
    assert sum(entry.latency is not None for entry in BY_NAME.values()) > len(table["rows"]) * 3


def test_what_was_measured_elsewhere_is_shown_and_not_compared(tables):
    column = metric_columns([entry for entry in ENTRIES if entry.task == "classification"])[0]
    digits = BY_NAME["shufflenet_v2_x0_5_digits"]
    assert column.dataset == "ImageNet-1K"
    assert column.value(digits) is None
    row = next(row for row in rows(tables) if f'data-name="{digits.name}"' in row)
    assert re.search(r'<td class="zoo-number zoo-elsewhere">99\.\d+<span class="zoo-member">UCI digits', row)


def test_errors_are_the_better_the_smaller():
    flow = metric_columns([entry for entry in ENTRIES if entry.task == "optical_flow"])
    assert all(column.less_is_better for column in flow)
    assert "epe:Sintel-Train-Cleanpass" in [column.key for column in flow]
    assert not any(column.less_is_better for column in metric_columns([BY_NAME["resnet50"]]))


def test_names_are_sorted_as_people_count():
    assert sorted(["resnet101", "resnet18", "alexnet"], key=natural) == ["alexnet", "resnet18", "resnet101"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry.weights))
def test_a_page_states_the_facts_of_an_entry(entry: Entry, written):
    text = (written / f"{entry.page}.md").read_text(encoding="utf-8")
    part = text.partition(f"({entry.target})=\n")[2].partition("\n## Measured speed")[0]
    file, meta = entry.weights.file, entry.meta
    stated = [
        str(entry.weights),
        f"{meta['num_params']:,}",
        file.url,
        str(file.digest),
        meta["license"],
        meta["dataset"],
    ]
    metrics = [f"{value:g}" for of in entry.metrics.values() for value in of.values()]
    terms = [facts["source"] for facts in meta["dataset_terms"].values()]
    assert [fact for fact in (*stated, *metrics, *terms) if fact not in part] == []
    assert "Protocol `" in part or not entry.metrics


@pytest.mark.parametrize("name", SMALL.values())
def test_the_layers_are_those_of_the_model(name):
    assert layers_of(name) == LAYERS[name]


def test_every_model_has_layers():
    assert sorted(LAYERS) == list_models()
    assert [name for name, layers in LAYERS.items() if not layers] == []


def all_blocks() -> list[Block]:
    return [block for name, entry in BY_NAME.items() for block in blocks(entry, LAYERS[name])]


@pytest.mark.parametrize("name", SMALL.values())
def test_the_blocks_of_python_run(name, in_a_folder_of_a_reader):
    names: dict[str, object] = {}
    with without_files(), torch.random.fork_rng():
        for block in blocks(BY_NAME[name], LAYERS[name]):
            if block.language == "python":
                exec(compile(block.code, block.title, "exec"), names)
    features = names["features"]
    assert isinstance(features, dict)
    assert len(features) == 2


@pytest.fixture
def in_a_folder_of_a_reader(tmp_path, monkeypatch):
    """Be in a folder with the files that the blocks name."""
    from PIL import Image

    from video.encoding import encode, grey_frames

    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("photos/1.png", "frame1.png", "frame2.png"):
        Image.effect_noise((160, 128), 60).convert("RGB").save(tmp_path / name)
    encode(tmp_path / "clip.mp4", grey_frames(66, 160, 128), rate=30)


def test_the_commands_have_arguments_that_there_are():
    lines = {line for block in all_blocks() if block.language == "sh" for line in block.code.splitlines()}
    commands = [shlex.split(line) for line in lines if line.startswith("zoo ")]
    assert len(commands) > 2 * len(BY_NAME)
    for _, command, *arguments in commands:
        found = main.get_command(click.Context(main), command)
        assert found is not None, command
        options = {name for parameter in found.params for name in parameter.opts}
        assert {each for each in arguments if each.startswith("-")} <= options, (command, arguments)


def test_the_pages_are_html_where_they_say_so(tables):
    inside = re.findall(r"```\{raw\} html\n(.*?)\n```", tables, re.DOTALL)
    assert inside
    for html in inside:
        assert "\n\n" not in html
        assert unescape(html).count("<td") == html.count("</td>")


def test_builders_and_enums_are_links_to_the_reference(written):
    described = {known for name in public_names(public_modules(ROOT)) for known in (name.full, *name.aliases)}
    pages = [page.read_text(encoding="utf-8") for page in (written / "gallery").rglob("*.md")]
    linked = {name for page in pages for name in re.findall(r"\{py:\w+\}`([\w.]+)`", page)}
    assert len(linked) > len(BY_NAME)
    assert linked - described == set()


def test_sizes_are_stated_of_all():
    for column in SIZES[:3]:
        assert [entry.name for entry in ENTRIES if column.value(entry) is None] == [], column.title
