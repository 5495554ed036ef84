"""Manifests: what is read, what is refused, and that they never overrule the catalogue."""

import hashlib
import json

import pytest

from zoo_core.errors import ManifestError
from zoo_core.files import Digest, FileFact, Manifest, WeightsFile

SHA256 = hashlib.sha256(b"weights").hexdigest()
TWIN = hashlib.sha256(b"twin").hexdigest()
NAME = f"model-{SHA256[:8]}.pth"
PATH = f"A_Weights.V1/{NAME}"
TWIN_PATH = PATH.replace(".pth", ".safetensors")
FILE = WeightsFile("A_Weights.V1", NAME, f"https://host/{NAME}", Digest(SHA256[:8]))
BOTH = Manifest({PATH: FileFact(SHA256, 7), TWIN_PATH: FileFact(TWIN, 4, twin_of=SHA256)}, "the manifest of M")


def document(files: object, **members: object) -> bytes:
    return json.dumps({"format": "zoo-manifest", "version": 1, "files": files} | members).encode()


def test_manifest_is_read_as_it_was_written():
    files = {"b.pth": FileFact(SHA256, 7, without_twin="int8"), "a/b.safetensors": FileFact(TWIN, 0, twin_of=SHA256)}
    content = Manifest(files, "M").to_json()
    assert Manifest.parse(content, "M") == Manifest(files, "M")
    assert Manifest(dict(reversed(files.items())), "M").to_json() == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!doctype html><title>Sign in</title>",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": "zoo-manifest", "version": 1, "version": 1, "files": {}}',
        document({}, format="other"),
        document({}, version=2),
        document([]),
        document({PATH: SHA256}),
        document({PATH: {"bytes": 1}}),
        document({PATH: {"sha256": SHA256.upper()}}),
        document({PATH: {"sha256": SHA256[:8]}}),
        document({PATH: {"sha256": SHA256, "bytes": -1}}),
        document({PATH: {"sha256": SHA256, "bytes": True}}),
        document({PATH: {"sha256": SHA256, "twin_of": "x"}}),
        document({PATH: {"sha256": SHA256, "without_twin": 1}}),
        *(document({path: {"sha256": SHA256}}) for path in ("../a", "/a", "a//b", "a/./b", "", "a\\b", "C:a", "a\n")),
    ],
    ids=lambda content: repr(content[:40] + content[-40:]),
)
def test_what_is_no_manifest_is_refused(content):
    with pytest.raises(ManifestError, match="the manifest of M cannot be read"):
        Manifest.parse(content, "the manifest of M")


def test_manifest_that_is_too_long_is_refused_unread():
    with pytest.raises(ManifestError, match="at most"):
        Manifest.parse(b" " * (16 * 2**20 + 1), "M")


def test_manifest_pins_the_full_digest_and_the_size():
    pinned = BOTH.pin(FILE)
    assert (pinned.digest, pinned.size) == (Digest(SHA256), 7)
    assert BOTH.pin(WeightsFile("B_Weights.V1", "b.pth", "https://host/b.pth")).digest is None


@pytest.mark.parametrize("digest", [Digest("00000000"), Digest(TWIN)], ids=["prefix", "full"])
def test_manifest_that_contradicts_the_catalogue_s_digest_is_an_error_that_names_both(digest):
    with pytest.raises(ManifestError, match=f"{SHA256}.*{digest}"):
        BOTH.pin(WeightsFile("A_Weights.V1", NAME, "", digest))


def test_manifest_that_contradicts_the_catalogue_s_size_is_an_error():
    with pytest.raises(ManifestError, match=r"7 bytes.*8"):
        BOTH.pin(WeightsFile("A_Weights.V1", NAME, "", Digest(SHA256[:8]), 8))


def test_digits_that_nobody_confirmed_are_settled_by_the_manifest():
    file = WeightsFile("A_Weights.V1", NAME, "", Digest("00000000", confirmed=False))
    assert BOTH.pin(file).digest == Digest(SHA256)


def test_twin_comes_before_the_published_file():
    assert [form.name for form in BOTH.forms(FILE)] == [TWIN_PATH.partition("/")[2], NAME]


@pytest.mark.parametrize(
    ("manifest", "allowed"),
    [
        (BOTH, None),
        (BOTH, SHA256),
        (BOTH.with_files({TWIN_PATH: FileFact(TWIN, 4, twin_of=TWIN)}), "any"),
        (BOTH.with_files({TWIN_PATH: FileFact(TWIN, 4)}), "any"),
        (Manifest({PATH: FileFact(SHA256)}), "any"),
        (Manifest({TWIN_PATH: FileFact(TWIN, 4, twin_of=SHA256)}), "any"),
    ],
    ids=["none allowed", "another allowed", "of another file", "of no file", "not there", "original not there"],
)
def test_only_a_twin_of_the_very_file_is_used(manifest, allowed):
    file = WeightsFile("A_Weights.V1", NAME, "", Digest(SHA256[:8]), twin=allowed)
    assert [form.name for form in manifest.forms(file)] == [NAME]
