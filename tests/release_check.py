"""Look into the archives of a release, and write what is published beside them: their sums and the notes.

    python tests/release_check.py FOLDER [TAG]

FOLDER/dist holds a wheel and a source archive of every package. Run by `nox -s release`, with the tag if there is one.
"""

import hashlib
import re
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION = (ROOT / "VERSION").read_text().strip()
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
CONTENTS = {r"py\.typed", r"__init__\.pyi", r".*catalogue/\w+\.json", r".*catalogue/\w+\.py"}
"""What a package has in its folder, as patterns; the core has no models, and so no catalogue."""


def main(folder: Path, tag: str | None) -> None:
    """Check every archive, and write SHA256SUMS and notes.md."""
    archives = folder / "dist"
    expected = {f"{package.replace('-', '_')}-{VERSION}" for package in PACKAGES}
    names = {name for stem in expected for name in (f"{stem}.tar.gz", f"{stem}-py3-none-any.whl")}
    assert {path.name for path in archives.iterdir()} == names, sorted(archives.iterdir())
    for package in PACKAGES:
        check_package(archives, package)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted(archives.iterdir())]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    (folder / "notes.md").write_text(notes(tag))
    print(f"{len(names)} archives of {len(PACKAGES)} packages, version {VERSION}: whole, without tests, with licence")


def check_package(archives: Path, package: str) -> None:
    """Check what the wheel and the source archive of a package hold."""
    module = package.replace("-", "_")
    stem = f"{module}-{VERSION}"
    with zipfile.ZipFile(archives / f"{stem}-py3-none-any.whl") as wheel:
        in_wheel = {name for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(archives / f"{stem}.tar.gz") as source:
        in_source = {name.removeprefix(f"{stem}/") for name in source.getnames()}
    assert f"{stem}.dist-info/licenses/LICENSE" in in_wheel, in_wheel
    assert {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml"} <= in_source, in_source
    code = {name for name in in_wheel if not name.startswith(f"{stem}.dist-info/")}
    assert code == {name.removeprefix("src/") for name in in_source if name.startswith("src/")}
    missing = [
        pattern for pattern in contents(package) if not any(re.fullmatch(f"{module}/{pattern}", n) for n in code)
    ]
    assert not missing, (package, missing)
    strangers = [n for n in in_wheel | in_source if re.search(r"(^|/)(tests?|__pycache__)/|(^|/)(test_|conftest)", n)]
    assert not strangers, (package, strangers)


def contents(package: str) -> set[str]:
    return {pattern for pattern in CONTENTS if package != "zoo-core" or "catalogue" not in pattern}


def notes(tag: str | None) -> str:
    """Return the changelog's section of this version; a tag must name the version, and the section its day."""
    heading, _, rest = (ROOT / "CHANGELOG.md").read_text().partition(f"\n## {VERSION} ")[2].partition("\n")
    if tag is not None:
        assert tag == f"v{VERSION}", f"The tag is {tag}, the version {VERSION}: they should be the same."
        assert re.fullmatch(r"\(\d{4}-\d\d-\d\d\)", heading), f"CHANGELOG.md should say on which day: {heading}"
    section = rest.partition("\n## ")[0].strip()
    assert section, f"CHANGELOG.md says nothing about {VERSION}."
    return f"{section}\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
