"""The versions of the site beside each other."""

import json

from zoo_site.versions import list_versions, write


def test_the_main_branch_comes_first_then_the_newest():
    names = ["1.9.0", "latest", "1.10.0", "_static", "1.10.1"]
    assert [version["folder"] for version in list_versions(names)] == ["latest", "1.10.1", "1.10.0", "1.9.0"]


def test_the_folder_leads_to_the_latest_and_lists_all(tmp_path):
    for name in ("latest", "0.1.0", ".git"):
        (tmp_path / name).mkdir()
    write(tmp_path)
    assert 'url=latest/"' in (tmp_path / "index.html").read_text()
    found = json.loads((tmp_path / "versions.json").read_text())
    assert found == [{"name": "main", "folder": "latest"}, {"name": "0.1.0", "folder": "0.1.0"}]
