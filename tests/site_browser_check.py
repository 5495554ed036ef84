"""The built site in headless Chromium. Run by `nox -s site_browser`, after `nox -s docs`.

Pages are served as GitHub's are: texts compressed by gzip. A page's weight is what comes over the wire for it, headers
left out, pictures not counted, and what is loaded when it is scrolled through counted, too.
"""

import gzip
import mimetypes
import os
import re
import threading
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from zoo_site import versions

pytest_plugins = ["chromium"]

SITE = Path(os.environ["SITE"]).resolve()
PICTURES = Path(os.environ["SITE_PICTURES"])
AXE = Path(os.environ["AXE"]).read_text(encoding="utf-8")
GALLERY = "gallery/index.html"
MODEL = "gallery/classification/resnet/resnet50.html"
MOST_BYTES = 500_000
PATIENCE = 60_000
"""Milliseconds, for machines that have other things to do."""
LOOKS = [(width, scheme) for width in (400, 1400) for scheme in ("light", "dark")]


def some_pages() -> list[str]:
    """Return a page of each kind, as far as there are such."""
    kinds = (
        "index.html",
        GALLERY,
        MODEL,
        "gallery/classification/resnet/index.html",
        "gallery/optical-flow/raft/raft_large.html",
        "gallery/classification/regnet/regnet_y_16gf.html",
        "guides/[!i]*.html",
        "training.html",
        "benchmarks.html",
        "decisions.html",
        "api/index.html",
        "api/zoo_core.html",
        "api/*/resnet.html",
        "search.html",
    )
    first = (next((path for path in sorted(SITE.glob(kind))), None) for kind in kinds)
    return [path.relative_to(SITE).as_posix() for path in first if path is not None]


PAGES = some_pages()
expect.set_options(timeout=PATIENCE)


@cache
def compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 6)


class Handler(BaseHTTPRequestHandler):
    """Serves the published folder, and nothing else."""

    folder: ClassVar[Path]

    def do_GET(self) -> None:
        path = self.folder / unquote(urlsplit(self.path).path).lstrip("/")
        path = path / "index.html" if path.is_dir() else path
        if ".." in path.parts or not path.is_file():
            self.send_error(404)
            return
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        is_text = kind.startswith("text/") or kind in {"application/javascript", "application/json", "image/svg+xml"}
        content = compressed(path) if is_text else path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if is_text else kind)
        self.send_header("Content-Length", str(len(content)))
        if is_text:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site, beside a list of its versions, on a port of this machine."""
    Handler.folder = tmp_path_factory.mktemp("published")
    (Handler.folder / versions.LATEST).symlink_to(SITE, target_is_directory=True)
    versions.write(Handler.folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def look(request: pytest.FixtureRequest) -> tuple[int, str]:
    """How wide the window is, and light or dark."""
    return getattr(request, "param", (1400, "light"))


@pytest.fixture
def has_scripts(request: pytest.FixtureRequest) -> bool:
    """Whether the browser runs scripts."""
    return getattr(request, "param", True)


@pytest.fixture
def page(browser: Any, address: str, look: tuple[int, str], has_scripts: bool) -> Iterator[Page]:
    """A page of which every request stays on this machine and is answered, and that has nothing to complain about."""
    width, scheme = look
    context = browser.new_context(
        base_url=f"{address}/{versions.LATEST}/",
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        permissions=["clipboard-read", "clipboard-write"],
        java_script_enabled=has_scripts,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("console", lambda said: failed.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("response", lambda answer: failed.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    yield page
    context.close()
    assert [url for url in asked if not url.startswith((f"{address}/", "data:", "blob:"))] == []
    assert failed == []


def in_every_look(test: Any) -> Any:
    return pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0]}-{look[1]}", indirect=True)(test)


def names_shown(page: Page, task: str = "classification") -> list[str]:
    """Return the models of a table that the filter leaves, in their order."""
    return page.locator(f'table[data-task="{task}"] tbody tr:visible').evaluate_all(
        "rows => rows.map((row) => row.dataset.name)"
    )


def figures_shown(page: Page, key: str, task: str = "classification") -> list[float]:
    """Return the figures of a column in the order of the rows."""
    return page.locator(f'table[data-task="{task}"]').evaluate(
        """(table, key) => {
            const column = [...table.tHead.rows[0].cells].findIndex((head) => head.dataset.key === key);
            const shown = [...table.tBodies[0].rows].filter((row) => !row.hidden);
            return shown.map((row) => Number(row.cells[column].dataset.value));
        }""",
        key,
    )


def open_plot(page: Page) -> Any:
    """Scroll to the plot, and return its points, once they are drawn."""
    page.locator(".zoo-plot").scroll_into_view_if_needed()
    points = page.locator(".zoo-drawn .mark-symbol path")
    points.first.wait_for(state="attached")
    return points


def head(page: Page, key: str, task: str = "classification") -> Any:
    return page.locator(f'table[data-task="{task}"] thead th[data-key="{key}"]')


@in_every_look
def test_the_gallery_is_filtered_and_sorted(page: Page) -> None:
    page.goto(GALLERY)
    everything = page.locator("tbody tr[data-name]").count()
    expect(page.locator(".zoo-count")).to_contain_text(f"{everything} of {everything} weights entries")
    page.get_by_label("At least").fill("80")
    page.get_by_label("Parameters at most (M)").fill("30")
    left = len(names_shown(page)) + len(names_shown(page, "quantization"))
    expect(page.locator(".zoo-count")).to_contain_text(f"{left} of {everything} weights entries")
    assert 5 < left < everything / 4
    assert min(figures_shown(page, "acc@1")) >= 80
    assert max(figures_shown(page, "params")) <= 30
    expect(page.locator('table[data-task="detection"]')).to_be_hidden()

    head(page, "acc@1").get_by_role("button").click()
    assert figures_shown(page, "acc@1") == sorted(figures_shown(page, "acc@1"), reverse=True)
    expect(head(page, "acc@1")).to_have_attribute("aria-sort", "descending")
    head(page, "params").get_by_role("button").press("Enter")
    assert figures_shown(page, "params") == sorted(figures_shown(page, "params"))
    assert re.search(r"\?(?=.*least=80)(?=.*params=30)(?=.*sort=params)", page.url), page.url


def test_typed_conditions_filter_as_the_fields_do(page: Page) -> None:
    page.goto(GALLERY)
    page.get_by_label("Words").fill("acc@1 ≥ 80, params <= 30 M")
    typed = names_shown(page)
    page.get_by_label("Words").fill("")
    page.get_by_label("At least").fill("80")
    page.get_by_label("Parameters at most (M)").fill("30")
    assert names_shown(page) == typed
    page.get_by_label("Words").fill("efficientnet")
    assert set(names_shown(page)) <= set(typed)
    assert all("efficientnet" in name for name in names_shown(page))
    for wrong in ("speed>3", "params<=5q", "acc@1>=80M"):
        page.get_by_label("Words").fill(wrong)
        expect(page.locator(".zoo-count")).to_contain_text(
            f"Not understood: {wrong.lower()}. Expected a figure and a number"
        )


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("params<=5,000,000", "params<=5"),
        ("params <= 5000 k", "params<=5"),
        ("params<=5m gflops <= 2 G", "params<=5 gflops<=2"),
        ("gflops<=500M", "gflops<=0.5"),
        ("latency<20 ms, acc@1>=75%", "latency<20 acc@1>=75"),
    ],
)
def test_units_and_thousands_mean_what_they_say(typed: str, plain: str, page: Page) -> None:
    page.goto(GALLERY)
    page.get_by_label("Words").fill(plain)
    wanted = names_shown(page)
    assert wanted
    page.get_by_label("Words").fill(typed)
    assert names_shown(page) == wanted


def test_letters_after_a_version_are_words_of_their_own(page: Page) -> None:
    page.goto(GALLERY)
    page.get_by_label("Words").fill("efficientnet v2 m")
    assert "efficientnet_v2_m" in names_shown(page)


def test_the_address_bar_brings_filter_and_order_back(page: Page) -> None:
    page.goto(f"{GALLERY}?q=resnet&task=classification&least=78&sort=-acc%401&plot-x=gflops")
    assert page.get_by_label("Words").input_value() == "resnet"
    assert page.get_by_label("At least").input_value() == "78"
    accuracies = figures_shown(page, "acc@1")
    assert accuracies == sorted(accuracies, reverse=True)
    assert min(accuracies) >= 78
    open_plot(page)
    assert page.get_by_label("To the right").input_value() == "gflops"
    page.get_by_role("button", name="Clear").click()
    expect(page.locator('table[data-task="detection"]')).to_be_visible()
    assert "least" not in page.url


def test_less_is_better_for_errors(page: Page) -> None:
    page.goto(GALLERY)
    page.get_by_label("Metric").select_option("epe:Sintel-Train-Cleanpass")
    page.get_by_label("At most", exact=True).fill("1.5")
    assert set(names_shown(page, "optical_flow")) == {"raft_large"}
    head(page, "epe:Sintel-Train-Cleanpass", "optical_flow").get_by_role("button").click()
    expect(head(page, "epe:Sintel-Train-Cleanpass", "optical_flow")).to_have_attribute("aria-sort", "ascending")


@in_every_look
def test_a_point_of_the_plot_leads_to_its_model(page: Page) -> None:
    page.goto(f"{GALLERY}?least=80&params=30")
    points = open_plot(page)
    assert points.count() == len(names_shown(page))
    where = points.first.evaluate("(point) => point.__data__.datum.href")
    points.first.click(force=True)
    page.wait_for_url(f"**/{where}")
    expect(page.locator("h1")).to_contain_text(re.findall(r"([^/]+)\.html", where)[0])


def test_the_plot_can_be_walked_with_the_keyboard(page: Page) -> None:
    page.goto(GALLERY)
    open_plot(page)
    focused = page.locator(".zoo-drawn path[tabindex='0']")
    assert focused.count() == 1
    first = focused.get_attribute("aria-label")
    focused.press("ArrowRight")
    second = page.locator(".zoo-drawn path:focus").get_attribute("aria-label")
    assert first
    assert second
    assert second != first
    page.locator(".zoo-drawn path:focus").press("Enter")
    page.wait_for_url("**/gallery/*/*/*.html#weights-*")
    expect(page.locator("h1")).to_contain_text(second.split(",")[0])


def test_the_plot_follows_its_axes_and_its_task(page: Page) -> None:
    page.goto(GALLERY)
    open_plot(page)
    page.get_by_label("To the right").select_option("latency")
    expect(page.locator(".zoo-drawn svg")).to_have_attribute("aria-label", re.compile(r"against Time \(ms\)"))
    page.get_by_label("Plot of").select_option("detection")
    expect(page.locator(".zoo-drawn svg")).to_have_attribute("aria-label", re.compile("^box_map"))
    page.get_by_label("Task", exact=True).select_option("video")
    expect(page.locator(".zoo-drawn svg")).to_have_attribute("aria-label", re.compile("^acc@1"))
    assert page.locator(".zoo-drawn").count() == 1


@pytest.mark.parametrize("has_scripts", [False], indirect=True)
def test_without_scripts_the_gallery_is_whole(page: Page) -> None:
    page.goto(GALLERY)
    expect(page.locator(".zoo-filter")).to_be_hidden()
    assert page.locator("tbody tr[data-name]:visible").count() == page.locator("tbody tr[data-name]").count() > 150
    picture = page.locator(".zoo-canvas img")
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()


@in_every_look
def test_a_block_is_copied_as_it_stands(page: Page) -> None:
    page.goto(MODEL)
    block = page.locator("div.highlight", has=page.locator("pre", has_text="get_weight(")).first
    block.hover()
    block.locator("button.copybtn").click()
    expect(block.locator("button.copybtn")).to_have_class(re.compile("success"))
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("pre").inner_text().strip()
    assert copied.startswith("from zoo_core import get_model, get_weight")


@in_every_look
@pytest.mark.parametrize("words", ["list_weights", "get_model"])
def test_the_search_finds_what_there_is(words: str, page: Page) -> None:
    page.goto(f"search.html?q={words}")
    results = page.locator("#search-results li")
    results.first.wait_for()
    texts = " ".join(results.all_inner_texts())
    assert words in texts
    if (SITE / "api").is_dir():
        assert "api/" in str(page.locator("#search-results a").evaluate_all("links => links.map((link) => link.href)"))


@pytest.mark.parametrize("name", PAGES)
@in_every_look
def test_axe_finds_no_serious_fault(name: str, page: Page) -> None:
    page.goto(name)
    if name == GALLERY:
        open_plot(page)
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        f"{fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:200]} {fault['nodes'][0]['failureSummary']}"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]
    assert serious == []


@pytest.mark.parametrize("name", PAGES)
@in_every_look
def test_nothing_sticks_out_of_the_page(name: str, page: Page) -> None:
    page.goto(name)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light(name: str, page: Page) -> None:
    sizes: dict[str, float] = {}
    kinds: dict[str, str] = {}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.responseReceived", lambda event: kinds.update({event["requestId"]: event["type"]}))
    session.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto(name)
    if name == GALLERY:
        open_plot(page)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_load_state("networkidle")
    total = sum(size for request, size in sizes.items() if kinds.get(request) != "Image")
    print(f"{name}: {total / 1000:.0f} kB")
    assert 10_000 < total <= MOST_BYTES


@in_every_look
@pytest.mark.parametrize("name", [page for page in PAGES if page in {GALLERY, MODEL} or page.startswith("guides/")])
def test_the_pictures_to_look_at(name: str, page: Page, look: tuple[int, str]) -> None:
    page.goto(name)
    if name == GALLERY:
        open_plot(page)
        page.wait_for_timeout(300)
        page.evaluate("window.scrollTo(0, 0)")
    PICTURES.mkdir(parents=True, exist_ok=True)
    width, scheme = look
    stem = name.removesuffix(".html").replace("/", "-")
    page.screenshot(
        path=PICTURES / f"{stem}-{width}-{scheme}.png",
        clip={"x": 0, "y": 0, "width": width, "height": 2400},
        full_page=True,
    )
    assert (PICTURES / f"{stem}-{width}-{scheme}.png").stat().st_size > 20_000
