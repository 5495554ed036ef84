"""The table of docs/export.md: how it goes on, and that no model's end is that of the others."""

import sys
from pathlib import Path

import pytest

import export_table_check as table
from page_tables import PageTable

PAGE = "# Export\n\n<!-- table of models -->\n<!-- end of the table -->\n\n## After it\n"
YES = dict.fromkeys(table.FORMATS, "yes, 1e-06, 2.00")


@pytest.fixture(autouse=True)
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page without rows, and versions of libraries that need not be here."""
    path = tmp_path / "export.md"
    path.write_text(PAGE)
    monkeypatch.setattr(table, "TABLE", PageTable(path, "models"))
    monkeypatch.setattr(table, "_versions", lambda: "torch 2, onnxruntime 1, openvino 3")
    return path


def process(code: str) -> tuple[str, ...]:
    """Return a command that runs some Python in place of a model's export."""
    return (
        sys.executable,
        "-c",
        f"import json, os, sys, time\nsay = lambda *c: print(json.dumps(c), flush=True)\n{code}",
    )


def test_a_run_goes_on_with_the_models_that_have_no_row_small_ones_first(monkeypatch, page):
    tried = []
    names = ["resnet50", "squeezenet1_1", "alexnet"]
    monkeypatch.setattr(table, "list_models", lambda: names)

    def stopped(name, _seconds):
        if tried:
            raise KeyboardInterrupt
        tried.append(name)
        return YES

    monkeypatch.setattr(table, "in_process", stopped)
    with pytest.raises(KeyboardInterrupt):
        table.main([])
    assert table.read_rows() == {"squeezenet1_1": YES}
    monkeypatch.setattr(table, "in_process", lambda name, _seconds: tried.append(name) or YES)
    table.main([])
    assert tried == ["squeezenet1_1", "resnet50", "alexnet"]
    text = page.read_text()
    assert "Models: 3; of these agree: pt2 3, onnx 3, openvino 3. 20" in text
    assert "torch 2, onnxruntime 1, openvino 3, one thread.\n" in text
    assert text.endswith("<!-- end of the table -->\n\n## After it\n")
    assert [path.name for path in page.parent.glob("*export.md*")] == ["export.md"]


def test_what_a_process_has_found_counts_when_it_ends_badly_or_takes_too_long():
    crashed = table.in_process("alexnet", 60, process("say('pt2', 'yes, 0'); os._exit(9)"))
    assert crashed == {"pt2": "yes, 0"} | dict.fromkeys(table.FORMATS[1:], "no: the process ended with 9")
    slow = table.in_process("alexnet", 2, process("say('pt2', 'yes, 0'); time.sleep(60)"))
    assert slow == {"pt2": "yes, 0"} | dict.fromkeys(table.FORMATS[1:], "no: not done after 2 s")


def test_a_model_that_fails_has_a_row_and_the_others_go_on(monkeypatch):
    found = {"alexnet": dict.fromkeys(table.FORMATS, "no: not done after 2 s"), "squeezenet1_1": YES}
    monkeypatch.setattr(table, "in_process", lambda name, _seconds: found[name])
    with pytest.raises(SystemExit, match="Not in all formats: alexnet"):
        table.main(["alexnet", "squeezenet1_1"])
    assert table.read_rows() == found


def test_rows_of_other_versions_are_not_mixed(monkeypatch):
    monkeypatch.setattr(table, "in_process", lambda _name, _seconds: YES)
    table.main(["alexnet"])
    monkeypatch.setattr(table, "_versions", lambda: "torch 3, onnxruntime 1, openvino 3")
    with pytest.raises(SystemExit, match=r"of torch 2, .* and here are torch 3, .*--anew"):
        table.main(["squeezenet1_1"])
    table.main(["squeezenet1_1"], anew=True)
    assert list(table.read_rows()) == ["squeezenet1_1"]


def test_models_are_checked_without_a_row_whatever_the_versions(monkeypatch, page):
    monkeypatch.setattr(table, "in_process", lambda _name, _seconds: YES)
    table.main(["alexnet"])
    before = page.read_text()
    monkeypatch.setattr(table, "_versions", lambda: "torch 3, onnxruntime 1, openvino 3")
    table.main(["squeezenet1_1"], writes=False)
    assert page.read_text() == before
    monkeypatch.setattr(table, "in_process", lambda _name, _seconds: YES | {"onnx": "no: 1 of 24 inputs differ"})
    with pytest.raises(SystemExit, match="Not in all formats: squeezenet1_1"):
        table.main(["squeezenet1_1"], writes=False)


def test_models_that_there_are_not_are_refused():
    with pytest.raises(SystemExit, match="no models resnet500"):
        table.main(["resnet500"])
