"""Bundles: what comes out is what went in, and anything else is refused before a byte is written."""

import io
import json
import tarfile

import pytest
import torch
from click.testing import CliRunner

from core.tiny_weights import V1, V2
from servers import Status
from zoo_core import get_model, get_weight
from zoo_core.bundles import read_bundle
from zoo_core.bundles._tar import header_of
from zoo_core.cli import main
from zoo_core.errors import BundleError
from zoo_core.files import FileFact, Manifest, Settings, resolve


def zoo(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def files_under(path):
    return [each for each in path.rglob("*") if each.is_file()]


@pytest.fixture
def bundle(tiny, tmp_path):
    """A bundle of both entries."""
    path = tmp_path / "weights.tar"
    assert zoo("bundle", "create", V1, V2, "-o", path).exit_code == 0
    return path


@pytest.fixture
def elsewhere(bundle, tmp_path, upstream, monkeypatch):
    """Another machine, without a network and with empty caches."""
    upstream.fail("*", Status(500))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "elsewhere" / "torch"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "elsewhere" / "hf"))
    return tmp_path / "elsewhere"


def test_loaded_weights_are_found_without_a_network(tiny, bundle, elsewhere):
    result = zoo("bundle", "load", bundle)
    assert result.exit_code == 0
    checkpoints = Settings.from_environment().checkpoints
    assert result.stdout.split() == [str(checkpoints / file.name) for file in tiny]
    model = get_model("tiny", weights="V2", progress=False)
    assert all(torch.equal(value, tiny[1].state[name]) for name, value in model.state_dict().items())


def test_bundle_names_the_digests_of_its_files(tiny, tmp_path):
    result = zoo("bundle", "create", V1, V2, "-o", tmp_path / "b.tar")
    assert result.stdout.splitlines() == [f"{file.sha256}  {file.path}" for file in tiny]
    with tarfile.open(tmp_path / "b.tar") as archive:
        assert archive.getnames() == ["manifest.json", *(file.path for file in tiny)]


def test_json_tells_machines_what_is_in_a_bundle_and_where_it_went(tiny, bundle, elsewhere, tmp_path):
    loaded = json.loads(zoo("bundle", "load", bundle, "--json").stdout)
    assert [(row["weights"], row["new"]) for row in loaded] == [(V1, True), (V2, True)]
    created = json.loads(zoo("bundle", "create", V1, "-o", tmp_path / "again.tar", "--json").stdout)
    assert created == {tiny[0].path: {"sha256": tiny[0].sha256, "bytes": len(tiny[0].content)}}


def test_same_files_give_the_same_bytes(bundle, tmp_path):
    zoo("bundle", "create", V2, V1, "-o", tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == bundle.read_bytes()


def test_loading_again_writes_nothing(bundle, elsewhere):
    zoo("bundle", "load", bundle)
    before = {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*.pth")}
    result = zoo("bundle", "load", bundle)
    assert "here already" in result.stderr
    assert {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*.pth")} == before


def test_dry_runs_write_nothing(bundle, elsewhere, tmp_path):
    result = zoo("bundle", "load", bundle, "--dry-run")
    assert result.exit_code == 0
    assert len(result.stdout.split()) == 2
    assert not files_under(elsewhere)
    zoo("bundle", "create", V1, "-o", tmp_path / "dry.tar", "--dry-run")
    assert not (tmp_path / "dry.tar").exists()


def test_files_go_to_the_folder_that_is_named(tiny, bundle, elsewhere, tmp_path, monkeypatch):
    zoo("bundle", "load", bundle, "--cache-dir", tmp_path / "shared")
    monkeypatch.setenv("ZOO_WEIGHTS_PATH", str(tmp_path / "shared"))
    assert resolve(get_weight(V1).file).path == tmp_path / "shared" / tiny[0].name


def test_weights_that_are_part_of_their_package_are_left_out(tmp_path):
    result = zoo("bundle", "create", "shufflenet_v2_x0_5_digits", "-o", tmp_path / "b.tar")
    assert result.exit_code == 1
    assert "part of" in result.stderr
    assert not (tmp_path / "b.tar").exists()


def test_failed_creation_leaves_no_file_and_keeps_the_old_one(tiny, bundle, upstream, tmp_path, monkeypatch):
    old = bundle.read_bytes()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    upstream.fail("*", Status(404))
    assert zoo("bundle", "create", V1, "-o", bundle).exit_code == 1
    assert bundle.read_bytes() == old
    assert [path.name for path in tmp_path.iterdir() if "weights.tar" in path.name] == ["weights.tar"]


def test_no_name_is_wrong_usage(tmp_path):
    assert zoo("bundle", "create", "-o", tmp_path / "b.tar").exit_code == 2
    assert zoo("bundle", "load", tmp_path / "absent.tar").exit_code == 2


# what is refused


def entry(name, content=b"x", kind=tarfile.REGTYPE, **more):
    member = tarfile.TarInfo(name)
    member.size, member.type = len(content), kind
    for attribute, value in more.items():
        setattr(member, attribute, value)
    return member, content


def write_tar(path, entries, archive_format=tarfile.USTAR_FORMAT):
    with tarfile.open(path, "w", format=archive_format) as archive:
        for member, content in entries:
            archive.addfile(member, io.BytesIO(content))
    return path


def manifest_of(files, **replaced):
    facts = {name: FileFact(sha256, size) for name, (sha256, size) in files.items()}
    return entry("manifest.json", Manifest(facts | replaced).to_json())


def good(tiny):
    """The entries of a good archive, by which each bad one begins."""
    files = {file.path: (file.sha256, len(file.content)) for file in tiny}
    return [manifest_of(files), *(entry(file.path, file.content) for file in tiny)]


def flip(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


TAMPERED = {
    "../ name": lambda tiny: [*good(tiny), entry("../../outside")],
    "absolute name": lambda tiny: [*good(tiny), entry("/outside")],
    "name with ./": lambda tiny: [*good(tiny), entry(f"{V1}/./x")],
    "name with a backslash": lambda tiny: [*good(tiny), entry("..\\outside")],
    "symbolic link": lambda tiny: [*good(tiny), entry("link", b"", tarfile.SYMTYPE, linkname="/etc/passwd")],
    "hard link": lambda tiny: [*good(tiny), entry("link", b"", tarfile.LNKTYPE, linkname="/etc/passwd")],
    "device": lambda tiny: [*good(tiny), entry("device", b"", tarfile.CHRTYPE)],
    "pipe": lambda tiny: [*good(tiny), entry("pipe", b"", tarfile.FIFOTYPE)],
    "folder": lambda tiny: [*good(tiny), entry(V1, b"", tarfile.DIRTYPE)],
    "link in place of a file": lambda tiny: [*good(tiny)[:2], entry(tiny[1].path, b"", tarfile.SYMTYPE, linkname="x")],
    "name twice": lambda tiny: [*good(tiny), entry(tiny[0].path, tiny[0].content)],
    "manifest twice": lambda tiny: [*good(tiny), good(tiny)[0]],
    "file that is not in the manifest": lambda tiny: [*good(tiny), entry(f"{V1}/more")],
    "file missing": lambda tiny: good(tiny)[:-1],
    "manifest missing": lambda tiny: good(tiny)[1:],
    "manifest not first": lambda tiny: good(tiny)[::-1],
    "manifest too large": lambda tiny: [entry("manifest.json", b" " * (16 * 2**20 + 1))],
    "manifest that is none": lambda tiny: [entry("manifest.json", b"{}"), *good(tiny)[1:]],
    "manifest that leads out": lambda tiny: [manifest_of({"../x": ("0" * 64, 1)}), entry("../x")],
    "wrong bytes": lambda tiny: [*good(tiny)[:2], entry(tiny[1].path, b"y" * len(tiny[1].content))],
    "larger than stated": lambda tiny: [*good(tiny)[:2], entry(tiny[1].path, tiny[1].content + b"x")],
    "smaller than stated": lambda tiny: [*good(tiny)[:2], entry(tiny[1].path, tiny[1].content[:-1])],
    "size stated wrong": lambda tiny: [
        manifest_of({tiny[0].path: (tiny[0].sha256, len(tiny[0].content) + 1)}),
        entry(tiny[0].path, tiny[0].content),
    ],
    "other weights under the name": lambda tiny: [
        manifest_of({tiny[1].path: (tiny[0].sha256, len(tiny[0].content))}),
        entry(tiny[1].path, tiny[0].content),
    ],
    "other file name": lambda tiny: [
        manifest_of({f"{V2}/x.pth": (tiny[1].sha256, len(tiny[1].content))}),
        entry(f"{V2}/x.pth", tiny[1].content),
    ],
    "unknown entry": lambda tiny: [
        manifest_of({"No_Weights.V1/x.pth": (tiny[1].sha256, len(tiny[1].content))}),
        entry("No_Weights.V1/x.pth", tiny[1].content),
    ],
    "nothing": lambda tiny: [],
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_bundle_is_refused_before_anything_is_written(tiny, elsewhere, tmp_path, case):
    path = write_tar(tmp_path / "tampered.tar", TAMPERED[case](tiny))
    outside = set(tmp_path.iterdir())
    result = zoo("bundle", "load", path)
    assert result.exit_code == 1
    assert "is refused, and nothing of it was used" in result.stderr
    assert not files_under(elsewhere)
    assert set(tmp_path.iterdir()) == outside


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("../ name", "'../../outside' is not a path inside it"),
        ("absolute name", "'/outside' is not a path inside it"),
        ("symbolic link", "'link' is a symbolic link"),
        ("device", "'device' is a device"),
        ("name twice", "twice"),
        ("file missing", "is missing"),
        ("larger than stated", "bytes, its manifest states"),
        ("wrong bytes", "has SHA-256"),
        ("other weights under the name", "contradicts the catalogue"),
        ("unknown entry", "No_Weights"),
    ],
)
def test_refusal_says_what_is_wrong(tiny, elsewhere, tmp_path, case, reason):
    path = write_tar(tmp_path / "tampered.tar", TAMPERED[case](tiny))
    assert reason in zoo("bundle", "load", path).stderr


def test_archive_that_the_cases_begin_with_is_good(tiny, elsewhere, tmp_path):
    assert zoo("bundle", "load", write_tar(tmp_path / "good.tar", good(tiny))).exit_code == 0


def test_every_flipped_bit_is_noticed(bundle, elsewhere):
    """In names, sizes, owners, contents and the empty rest of blocks: at 96 places over the whole archive."""
    content = bundle.read_bytes()
    for offset in range(0, len(content), len(content) // 96):
        bundle.write_bytes(content)
        flip(bundle, offset)
        assert zoo("bundle", "load", bundle).exit_code == 1, offset
    assert not files_under(elsewhere)


def test_every_flipped_bit_of_a_header_is_noticed(bundle, elsewhere):
    content = bundle.read_bytes()
    for offset in {*range(0, 512, 7), *range(148, 156)}:  # and all of its checksum
        bundle.write_bytes(content)
        flip(bundle, offset)
        with pytest.raises(BundleError), read_bundle(bundle):
            pass


def test_file_that_claims_to_be_huge_is_refused_at_once(tiny, bundle, elsewhere):
    content = bundle.read_bytes()
    at = content.index(tiny[0].path.encode(), 512 + len(good(tiny)[0][1]))
    claim = header_of(tiny[0].path, 8 * 2**30 - 1)
    bundle.write_bytes(content[:at] + claim + content[at + 512 :])
    assert "is cut off" in zoo("bundle", "load", bundle).stderr


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_bundle_that_was_cut_off_is_refused(bundle, elsewhere, share):
    content = bundle.read_bytes().rstrip(b"\0")
    bundle.write_bytes(content[: int(len(content) * share)])
    assert zoo("bundle", "load", bundle).exit_code == 1
    assert not files_under(elsewhere)


def test_bundle_with_more_behind_its_end_is_refused(bundle, elsewhere):
    with bundle.open("ab") as file:
        file.write(b"more")
    assert "goes on behind its end" in zoo("bundle", "load", bundle).stderr
    with bundle.open("r+b") as file:
        file.truncate(bundle.stat().st_size + 10**12)  # a hole: a terabyte that no disk holds
    assert "goes on behind its end" in zoo("bundle", "load", bundle).stderr


@pytest.mark.parametrize("archive_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "GNU"])
def test_extensions_of_the_format_are_refused_unread(tiny, elsewhere, tmp_path, archive_format):
    """They can give a member another name and size, and hold gigabytes of text."""
    entries = [*good(tiny), entry("x" * 300)]
    result = zoo("bundle", "load", write_tar(tmp_path / "b.tar", entries, archive_format))
    assert result.exit_code == 1
    assert "is refused, and nothing of it was used" in result.stderr


def test_compressed_archive_is_refused(bundle, elsewhere, tmp_path):
    import gzip

    path = tmp_path / "b.tar.gz"
    path.write_bytes(gzip.compress(bundle.read_bytes()))
    assert zoo("bundle", "load", path).exit_code == 1


def test_lock_file_tells_a_bundle_from_one_that_looks_like_it(tiny, bundle, elsewhere, tmp_path, monkeypatch):
    """The catalogue knows eight digits of the first file: whoever can match them is noticed by a lock file."""
    locked = {tiny[0].path: FileFact(tiny[0].sha256[:8] + "0" * 56), tiny[1].path: FileFact(tiny[1].sha256)}
    (tmp_path / "zoo.lock").write_bytes(Manifest(locked).to_json())
    monkeypatch.setenv("ZOO_LOCK", str(tmp_path / "zoo.lock"))
    result = zoo("bundle", "load", bundle)
    assert result.exit_code == 1
    assert tiny[0].sha256 in result.stderr
    assert "0" * 56 in result.stderr
    assert not files_under(elsewhere)


def test_folder_that_cannot_be_written_is_one_error(bundle, elsewhere, monkeypatch):
    elsewhere.write_text("in the way")
    result = zoo("bundle", "load", bundle)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)


# the lock file


def test_lock_fetches_only_what_nobody_knows_the_digest_of(tiny, tmp_path, upstream):
    result = zoo("lock", V1, V2, "-o", tmp_path / "zoo.lock")
    assert result.exit_code == 0
    lock = Manifest.parse((tmp_path / "zoo.lock").read_bytes(), "it")
    assert {path: fact.sha256 for path, fact in lock.files.items()} == {file.path: file.sha256 for file in tiny}
    assert {request.path for request in upstream.requests} == {f"/models/{tiny[0].name}"}


def test_lock_takes_digests_and_twins_from_a_mirror_s_manifest(tiny, tmp_path, upstream, monkeypatch):
    zoo("mirror", "export", tmp_path / "mirror", V1)
    monkeypatch.setenv("ZOO_MIRRORS", str(tmp_path / "mirror"))
    before = len(upstream.requests)
    files = json.loads(zoo("lock", V1).stdout)["files"]
    assert files[tiny[0].path]["sha256"] == tiny[0].sha256
    assert files[tiny[0].twin_path]["twin_of"] == tiny[0].sha256
    assert len(upstream.requests) == before


def test_written_lock_is_obeyed(tiny, tmp_path, monkeypatch):
    zoo("lock", V1, "-o", tmp_path / "zoo.lock")
    monkeypatch.setenv("ZOO_LOCK", str(tmp_path / "zoo.lock"))
    assert zoo("download", V1).exit_code == 0
    result = zoo("download", V2)
    assert result.exit_code == 1
    assert f"{V2} ({tiny[1].name}) is not in the lock file" in result.stderr


def test_lock_can_be_extended_while_it_is_in_force(tiny, tmp_path, monkeypatch):
    zoo("lock", V1, "-o", tmp_path / "zoo.lock")
    monkeypatch.setenv("ZOO_LOCK", str(tmp_path / "zoo.lock"))
    assert zoo("lock", V1, V2, "-o", tmp_path / "zoo.lock").exit_code == 0
    assert zoo("download", V2).exit_code == 0


def test_two_mirrors_that_contradict_each_other_are_an_error(tiny, tmp_path, monkeypatch):
    for name, rest in (("a", "0" * 56), ("b", "1" * 56)):
        (tmp_path / name).mkdir()
        fact = FileFact(tiny[0].sha256[:8] + rest, 1)
        (tmp_path / name / "manifest.json").write_bytes(Manifest({tiny[0].path: fact}).to_json())
    monkeypatch.setenv("ZOO_MIRRORS", f"{tmp_path / 'a'},{tmp_path / 'b'}")
    result = zoo("lock", V1)
    assert result.exit_code == 1
    assert "contradicts the manifest of" in result.stderr


def test_failed_lock_leaves_the_old_one(tiny, tmp_path, upstream):
    (tmp_path / "zoo.lock").write_text("old")
    upstream.fail("*", Status(404))
    assert zoo("lock", V1, "-o", tmp_path / "zoo.lock").exit_code == 1
    assert (tmp_path / "zoo.lock").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("zoo.lock")] == ["zoo.lock"]
