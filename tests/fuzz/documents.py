"""Damaged manifests, lock files, bundles and results files: their contents, or the documented error."""

import hashlib
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from zoo_core.bundles._read import read_bundle
from zoo_core.bundles._tar import header_of
from zoo_core.errors import BundleError, ManifestError
from zoo_core.files.manifests._format import FileFact, Manifest
from zoo_core.files.manifests._on_disk import read_lock
from zoo_core.prediction import Classification, Failure, ResultsFile, ScoredLabel

from .mutations import ODD_NUMBERS, Report, fuzz, mutated

CONTENT = b"some bytes"
WEIGHTS = "Some_Weights.V1"
ODD_VALUES: tuple[object, ...] = (None, True, "", "../up", "\ud800", -1, 1.5, float("nan"), [], {}, [[]], *ODD_NUMBERS)


def manifest(_: Path) -> bytes:
    """Return a small manifest, as text."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    paths = [f"Some_Weights/V{number}/a-{digest[:8]}.pth" for number in range(3)]
    text = Manifest(dict.fromkeys(paths, FileFact(digest, len(CONTENT)))).to_json()
    return json.dumps(json.loads(text)).encode()  # in one line


def bundle(folder: Path) -> bytes:
    """Return a small bundle."""
    text = manifest(folder)
    blocks = [header_of("manifest.json", len(text)), text, bytes(-len(text) % 512)]
    for path in json.loads(text)["files"]:
        blocks += [header_of(path, len(CONTENT)), CONTENT, bytes(-len(CONTENT) % 512)]
    return b"".join([*blocks, bytes(1024)])


def results(folder: Path) -> bytes:
    """Return a small results file."""
    path = folder / "seed.jsonl"
    with ResultsFile.open(path, WEIGHTS, made_by="model, a.pth") as file:
        for number in range(4):
            file.write(Failure(f"{number}.png", "why"))
            file.write(Classification(f"{number}.jpg", (ScoredLabel("cat", 1, 0.5),)))
    return path.read_bytes()


def run_manifest(seconds: float, seed: int) -> Report:
    """Read damaged manifests for a time."""

    def read(path: Path) -> None:
        Manifest.parse(path.read_bytes(), "fuzz")

    return _run(manifest, read, (ManifestError, ValueError), seconds, seed)


def run_lock(seconds: float, seed: int) -> Report:
    """Read damaged lock files for a time."""
    return _run(manifest, read_lock, (ManifestError, OSError, ValueError), seconds, seed)


def run_bundle(seconds: float, seed: int) -> Report:
    """Read damaged bundles for a time."""

    def read(path: Path) -> None:
        with read_bundle(path) as found:
            for name in found.manifest.files:
                for _ in found.blocks(name):
                    pass

    return _run(bundle, read, (BundleError, ManifestError), seconds, seed)


def run_results(seconds: float, seed: int) -> Report:
    """Continue damaged results files for a time; those that are refused stay as they are."""

    def read(path: Path) -> None:
        before = path.read_bytes()
        try:
            with ResultsFile.open(path, WEIGHTS, made_by="model, a.pth") as file:
                file.write(Failure("new.png", "why"))
        except ValueError:
            assert path.read_bytes() == before
            raise
        assert json.loads(path.read_bytes().splitlines()[-1])["source"] == "new.png"

    return _run(results, read, ValueError, seconds, seed)


def _run(
    make_seed: Callable[[Path], bytes],
    read: Callable[[Path], object],
    refusals: type[Exception] | tuple[type[Exception], ...],
    seconds: float,
    seed: int,
) -> Report:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        whole = make_seed(folder)
        path = folder / "damaged.jsonl"

        def write_and_read(data: bytes) -> None:
            path.write_bytes(data)
            read(path)

        return fuzz(write_and_read, _files(whole, seed), seconds=seconds, refusals=refusals)


def _files(whole: bytes, seed: int) -> Iterator[bytes]:
    """Yield damaged files: bytes of any kind, values of JSON in place of others, or brackets without end."""
    rng = random.Random(seed)
    yield whole
    while True:
        kind = rng.randrange(8)
        if kind == 0 and whole.startswith(b"{"):
            lines = whole.splitlines()
            place = rng.randrange(len(lines))
            lines[place] = json.dumps(_with_odd_value(json.loads(lines[place]), rng)).encode()
            yield b"\n".join(lines) + b"\n"
        elif kind == 1:
            place = rng.randrange(len(whole))
            yield whole[:place] + rng.choice((b"[", b'{"a":', b'"')) * rng.choice((10, 100_000)) + whole[place:]
        else:
            yield mutated([whole], rng)


def _with_odd_value(value: object, rng: random.Random) -> object:
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = rng.choice(list(value))
        return value | {name: _with_odd_value(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        return [_with_odd_value(value[0], rng), *value[1:]]
    return rng.choice(ODD_VALUES)
