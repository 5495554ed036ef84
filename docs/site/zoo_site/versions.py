"""Lists the versions of the site in the folder that is published: `python -m zoo_site.versions FOLDER`.

Each is a folder by the name of its version; `latest` is built of the main branch. Pages read `versions.json` beside
their own version's folder, and offer the others.
"""

import json
import re
import sys
from pathlib import Path

LATEST = "latest"
FILE = "versions.json"
_FIRST = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>zoo</title>
<meta http-equiv="refresh" content="0; url={LATEST}/">
<a href="{LATEST}/">zoo's documentation</a>
</html>
"""


def list_versions(folders: list[str]) -> list[dict[str, str]]:
    """Return the versions among the names of folders, the newest first, after what is built of the main branch."""
    released = [name for name in folders if re.fullmatch(r"\d+(\.\d+)+", name)]
    released.sort(key=lambda name: tuple(map(int, name.split("."))), reverse=True)
    latest = [{"name": "main", "folder": LATEST}] if LATEST in folders else []
    return latest + [{"name": name, "folder": name} for name in released]


def write(folder: Path) -> None:
    """Write the list into a folder of versions, and a first page that leads to the latest."""
    versions = list_versions([path.name for path in folder.iterdir() if path.is_dir()])
    (folder / FILE).write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")
    (folder / "index.html").write_text(_FIRST, encoding="utf-8")
    (folder / ".nojekyll").touch()  # folders whose names begin with an underscore are served, too


if __name__ == "__main__":
    write(Path(sys.argv[1]))
