"""The page of examples/browser in headless Chromium. Run by `nox -s browser`, which installs ONNX Runtime Web."""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

import zoo_digits
from export.makers import DIGITS
from run_onnx import OnnxModel
from zoo_export import export

pytest_plugins = ["chromium"]

SITE = Path(os.environ["BROWSER_SITE"])
SAMPLES = Path(str(zoo_digits.__file__)).parent / "samples"
MAKE_TRANSFER = """
([name, content]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(content), (byte) => byte.charCodeAt(0))], name));
    return transfer;
}
"""

pytestmark = pytest.mark.filterwarnings("ignore")  # the converter's are about itself


@pytest.fixture(scope="module", autouse=True)
def models() -> None:
    """Put files beside the page: the embedded model, the same for one size, and the network alone."""
    export(DIGITS, "onnx", SITE / "model.onnx", certificate=False)
    export(DIGITS, "onnx", SITE / "fixed.onnx", certificate=False, size=(64, 64))
    export(DIGITS, "onnx", SITE / "raw.onnx", certificate=False, raw=True)
    (SITE / "damaged.onnx").write_bytes((SITE / "model.onnx").read_bytes()[:100_000])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the folder as the documentation says."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(SITE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            (port,) = re.findall(r"port (\d+)", server.stdout.readline())
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Page]:
    """A page, of which every request has to stay on this machine, and nothing may go wrong in silence."""
    context = browser.new_context(base_url=address, viewport={"width": 640, "height": 640})
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    yield page
    context.close()
    assert [url for url in asked if not url.startswith((f"{address}/", "data:"))] == []
    assert failed == []


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file on the page."""
    transfer = page.evaluate_handle(MAKE_TRANSFER, [name, base64.b64encode(content).decode()])
    page.dispatch_event("#drop", "dragover", {"dataTransfer": transfer})
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def shown(page: Page) -> list[tuple[str, float]]:
    """Wait for classes, and return them with their probabilities."""
    rows = page.locator("#classes li")
    rows.first.wait_for()
    return [(row.locator("span").inner_text(), float(str(row.get_attribute("data-score")))) for row in rows.all()]


def check_best(found: list[tuple[str, float]], picture: Image.Image) -> None:
    """Check the most probable class by what ONNX Runtime says of the picture."""
    expected = OnnxModel(SITE / "model.onnx")(picture)[0]
    label, score = found[0]
    assert label == expected["label"]
    assert score == pytest.approx(expected["score"], abs=1e-3)


@pytest.mark.parametrize("model", ["model.onnx", "fixed.onnx"])
@pytest.mark.parametrize("label", ["five", "seven"])
def test_a_dropped_picture_has_the_classes_that_it_has_elsewhere(label: str, model: str, page: Page) -> None:
    page.goto(f"/?model={model}")
    picture = SAMPLES / f"{label}.png"
    drop(page, picture.name, picture.read_bytes())
    found = shown(page)
    expected = OnnxModel(SITE / model)(Image.open(picture))
    assert found[0][0] == label
    assert [name for name, _ in found] == [each["label"] for each in expected]
    assert [score for _, score in found] == pytest.approx([each["score"] for each in expected], abs=1e-4)


def test_a_picture_of_another_size_can_be_chosen_after_another(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    drop(page, "five.png", (SAMPLES / "five.png").read_bytes())
    assert shown(page)[0][0] == "five"
    large = Image.open(SAMPLES / "two.png").convert("RGB").resize((90, 120), Image.Resampling.BICUBIC)
    large.save(tmp_path / "two.png")
    page.set_input_files("#file", tmp_path / "two.png")
    page.locator("#status", has_text="two.png, 90 x 120").wait_for()
    check_best(shown(page), large)


def test_transparency_is_laid_over_white(page: Page, tmp_path: Path) -> None:
    grey = np.asarray(Image.open(SAMPLES / "three.png").convert("L"))
    clear = Image.fromarray(np.stack([0 * grey] * 3 + [255 - grey], axis=2))
    clear.save(tmp_path / "clear.png")
    page.goto("/")
    drop(page, "clear.png", (tmp_path / "clear.png").read_bytes())
    check_best(shown(page), clear)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("none.onnx", "none.onnx is not there (HTTP 404)"),
        ("raw.onnx", "without preprocessing: expected a classifier"),
        ("damaged.onnx", "cannot be read as ONNX"),
        ("page.css", "cannot be read as ONNX"),
    ],
)
def test_a_model_that_the_page_cannot_run_is_named_with_the_reason(model: str, text: str, page: Page) -> None:
    page.goto(f"/?model={model}")
    page.locator("#status", has_text=text).wait_for()
    drop(page, "five.png", (SAMPLES / "five.png").read_bytes())
    assert page.locator("#classes li").count() == 0


def test_what_is_no_picture_is_named(page: Page) -> None:
    page.goto("/")
    drop(page, "notes.txt", b"no picture")
    page.locator("#status", has_text="notes.txt is no picture that this browser reads").wait_for()
    assert page.locator("#classes li").count() == 0


def test_the_picture_for_the_documentation(page: Page) -> None:
    page.goto("/")
    drop(page, "seven.png", (SAMPLES / "seven.png").read_bytes())
    shown(page)
    page.screenshot(path=SITE / "browser.png", full_page=True)
    with Image.open(SITE / "browser.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 50
