"""Whom resolving a file trusts with what: manifests, twins, the default mirror, the lock file."""

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest

from servers import Corrupted, Delayed, FileServer, HtmlPage, HubServer, RedirectTo, Status, WrongEtag
from zoo_core.errors import ManifestError, WeightsUnavailableError
from zoo_core.files import Digest, FileFact, Manifest, Settings, file_of_url, resolve
from zoo_core.files import _settings as settings_module

CONTENT, TWIN = bytes(range(256)) * 4096, b"twin" * 1000
SHA256, TWIN_SHA256 = hashlib.sha256(CONTENT).hexdigest(), hashlib.sha256(TWIN).hexdigest()
NAME = f"model-{SHA256[:8]}.pth"
TWIN_NAME = NAME.replace(".pth", ".safetensors")
ENTRY = "Model_Weights.V1"
OTHER = "f" * 56
REPO = "org/zoo-weights"
FACT, TWIN_FACT = FileFact(SHA256, len(CONTENT)), FileFact(TWIN_SHA256, len(TWIN), twin_of=SHA256)
FILES = {f"{ENTRY}/{NAME}": CONTENT, f"{ENTRY}/{TWIN_NAME}": TWIN}
MANIFEST = Manifest({f"{ENTRY}/{NAME}": FACT, f"{ENTRY}/{TWIN_NAME}": TWIN_FACT}).to_json()
CONTRADICTION = Manifest({f"{ENTRY}/{NAME}": FileFact("f" * 64, len(CONTENT))}).to_json()


@pytest.fixture
def file(upstream):
    """The file, of which only the first digits of the digest are known."""
    return file_of_url(ENTRY, upstream.put(f"/{NAME}", CONTENT))


@pytest.fixture
def hub(monkeypatch):
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
        yield server


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(params=["folder", "web server", "Hub", "Hub, pinned"])
def mirror(request, tmp_path, hub, monkeypatch):
    """Fill a mirror of each kind with files, and use it."""

    def fill(files):
        if request.param.startswith("Hub"):
            commit = hub.add_repo(REPO, files)
            monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}@{commit}" if "pinned" in request.param else f"hf://{REPO}")
        elif request.param == "folder":
            for path, content in files.items():
                put(tmp_path / "mirror" / path, content)
            monkeypatch.setenv("ZOO_MIRRORS", f"file://{tmp_path}/mirror")
        else:
            server = request.getfixturevalue("upstream")
            for path, content in files.items():
                server.put(f"/mirror/{path}", content)
            monkeypatch.setenv("ZOO_MIRRORS", f"{server.url}/mirror/")

    return fill


# manifests


def test_manifest_pins_what_the_catalogue_knows_only_the_beginning_of(file, mirror):
    mirror(FILES | {"manifest.json": MANIFEST})
    assert resolve(file, progress=False, original=True).verified == "full digest"


def test_twin_is_preferred_and_found_again_offline(file, mirror, monkeypatch):
    mirror(FILES | {"manifest.json": MANIFEST})
    found = resolve(file, progress=False)
    assert (found.path.name, found.sha256, found.verified) == (TWIN_NAME, TWIN_SHA256, "full digest")
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert resolve(file, progress=False).path == found.path


def test_twin_is_not_found_again_without_the_mirror_that_vouches_for_it(file, mirror, monkeypatch):
    mirror(FILES | {"manifest.json": MANIFEST})
    resolve(file, progress=False)
    monkeypatch.setenv("ZOO_MIRRORS", "")
    assert resolve(file, progress=False).path.name == NAME


def test_without_a_manifest_no_twin_is_used(file, mirror):
    mirror(FILES)
    found = resolve(file, progress=False)
    assert (found.path.name, found.verified) == (NAME, "prefix")


def test_wrong_twin_is_put_away_and_the_published_file_used(file, mirror, caplog):
    mirror(FILES | {f"{ENTRY}/{TWIN_NAME}": TWIN[:-1] + b"x", "manifest.json": MANIFEST})
    found = resolve(file, progress=False)
    assert (found.path.name, found.sha256) == (NAME, SHA256)
    assert TWIN_NAME in caplog.text


def test_manifest_that_contradicts_the_catalogue_is_reported_and_its_mirror_not_used(file, mirror, upstream, caplog):
    mirror(FILES | {"manifest.json": CONTRADICTION})
    found = resolve(file, progress=False)
    assert (found.source, found.sha256) == (file.url, SHA256)
    assert "contradicts the catalogue" in caplog.text
    assert "f" * 64 in caplog.text


def test_mirror_with_another_file_of_the_same_first_digits_is_not_used(file, mirror):
    """What the full digest is for: the first eight digits can be matched on purpose."""
    forged = b"forged"
    file = replace(file, digest=Digest(SHA256))
    mirror({f"{ENTRY}/{NAME}": forged})
    assert resolve(file, progress=False).source == file.url


@pytest.mark.parametrize("content", [b"{", b"<!doctype html><title>Sign in</title>"], ids=["cut off", "web page"])
def test_mirror_whose_manifest_is_none_is_not_used(file, mirror, content):
    mirror(FILES | {"manifest.json": content})
    assert resolve(file, progress=False).source == file.url


def test_web_page_in_place_of_the_manifest_of_a_web_server_passes_it_over(file, upstream, monkeypatch):
    with FileServer({f"/{path}": content for path, content in FILES.items()}) as server:
        server.fail("/manifest.json", HtmlPage())
        monkeypatch.setenv("ZOO_MIRRORS", server.url)
        assert resolve(file, progress=False).source == file.url
        assert {request.path for request in server.requests} == {"/manifest.json"}


def test_mirror_that_fails_is_asked_once_a_process(upstream, monkeypatch):
    with FileServer() as server:
        server.fail("/manifest.json", Status(500))
        monkeypatch.setenv("ZOO_MIRRORS", server.url)
        for number in range(3):
            name = f"other{number}-{SHA256[:8]}.pth"
            upstream.put(f"/{name}", CONTENT)
            resolve(file_of_url(f"Other_Weights.V{number}", f"{upstream.url}/{name}"), progress=False)
        assert len(server.requests) == 1


def test_silent_web_server_costs_seconds_once(file, monkeypatch):
    monkeypatch.setattr("zoo_core.files.sources._web_server.ANSWER_TIMEOUT", 0.2)
    with FileServer() as server:
        server.fail("/manifest.json", Delayed())
        monkeypatch.setenv("ZOO_MIRRORS", server.url)
        started = time.perf_counter()
        assert resolve(file, progress=False).source == file.url
        assert time.perf_counter() - started < 2


def test_broken_manifest_does_not_stay_in_the_hugging_face_cache(file, hub, monkeypatch):
    from zoo_core.files.sources._asked_once import forget_answers

    commit = hub.add_repo(REPO, FILES | {"manifest.json": MANIFEST})
    monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}@{commit}")
    hub.fail(hub.resolve_path(REPO, "manifest.json", commit), Corrupted(), method="GET")
    assert resolve(file, progress=False).source == file.url
    hub.recover()
    forget_answers()
    monkeypatch.setenv("TORCH_HOME", f"{Settings.from_environment().checkpoints}/elsewhere")
    assert resolve(file, progress=False).path.name == TWIN_NAME


def test_wrong_etags_of_a_hub_lead_to_the_right_bytes(file, hub):
    hub.add_repo(REPO, FILES | {"manifest.json": MANIFEST})
    for path in [*FILES, "manifest.json"]:
        hub.fail(hub.resolve_path(REPO, path), WrongEtag(f'"{path.replace("/", "")}"'))
    assert resolve(file, progress=False).sha256 == TWIN_SHA256


def test_search_path_with_a_manifest_has_twins(file, tmp_path, monkeypatch):
    for path, content in FILES.items():
        put(tmp_path / "shared" / path, content)
    monkeypatch.setenv("ZOO_WEIGHTS_PATH", str(tmp_path / "shared"))
    assert resolve(file).path.name == NAME
    put(tmp_path / "shared" / "manifest.json", MANIFEST)
    assert resolve(file).path.name == TWIN_NAME


# the pinned mirror


def test_pinned_mirror_needs_no_request_for_what_is_cached(file, hub, monkeypatch):
    from zoo_core.files.sources._asked_once import forget_answers

    commit = hub.add_repo(REPO, FILES | {"manifest.json": MANIFEST})
    monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}@{commit}")
    path = resolve(file, progress=False).path
    before = len(hub.requests) + len(hub.storage.requests)
    forget_answers()  # as a new process
    assert resolve(file, progress=False).path == path
    assert len(hub.requests) + len(hub.storage.requests) == before


def test_pinned_mirror_stays_what_it_was_when_the_branch_moves(file, hub, monkeypatch):
    commit = hub.add_repo(REPO, FILES | {"manifest.json": MANIFEST})
    hub.add_commit(REPO, {"manifest.json": CONTRADICTION, f"{ENTRY}/{NAME}": b"other"})
    monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}@{commit}")
    assert resolve(file, progress=False).sha256 == TWIN_SHA256


def test_token_goes_to_the_hub_alone(file, hub, monkeypatch):
    hub.add_repo(REPO, FILES | {"manifest.json": MANIFEST}, token="hf_secret")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert resolve(file, progress=False).source == f"hf://{REPO}"
    assert {request.headers.get("authorization") for request in hub.requests} == {"Bearer hf_secret"}
    assert all("authorization" not in request.headers for request in hub.storage.requests)


def test_hub_is_asked_again_with_another_token(file, hub, monkeypatch):
    hub.add_repo(REPO, FILES | {"manifest.json": MANIFEST}, token="hf_secret")
    monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(WeightsUnavailableError, match="no such repository, or no access"):
        resolve(file_of_url(file.entry, f"http://127.0.0.1:9/{file.name}", file.digest), progress=False)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert resolve(file, progress=False).source == f"hf://{REPO}"


def test_hub_that_redirects_a_request_with_credentials_elsewhere_shows_nobody_the_token(hub, upstream, monkeypatch):
    path = f"{ENTRY}/model-{SHA256[:8]}.weights"  # no large file: the Hub itself is asked for its bytes
    hub.add_repo(REPO, {path: CONTENT}, token="hf_secret")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    asked = hub.resolve_path(REPO, path)
    upstream.put(asked, CONTENT)
    hub.fail(asked, RedirectTo(upstream.url), method="GET")
    file = file_of_url(ENTRY, f"http://127.0.0.1:9/model-{SHA256[:8]}.weights")
    assert resolve(file, progress=False).sha256 == SHA256
    assert {request.headers.get("authorization") for request in hub.requests_for(asked, "GET")} == {"Bearer hf_secret"}
    assert ["authorization" in request.headers for request in upstream.requests] == [False]


# the default mirror


@pytest.fixture
def default_mirror(hub, monkeypatch):
    monkeypatch.delenv("ZOO_MIRRORS")
    monkeypatch.setattr(settings_module, "DEFAULT_MIRROR", f"hf://{REPO}")
    monkeypatch.setattr(settings_module, "DEFAULT_MIRROR_IS_PUBLISHED", True)
    return hub


def test_default_mirror_is_asked_once_it_is_published_and_not_before(file, default_mirror, monkeypatch):
    default_mirror.add_repo(REPO, FILES | {"manifest.json": MANIFEST})
    known = replace(file, digest=Digest(SHA256))
    monkeypatch.setattr(settings_module, "DEFAULT_MIRROR_IS_PUBLISHED", False)
    assert Settings.from_environment().mirrors == ()
    assert resolve(known, progress=False).source == file.url
    assert not default_mirror.requests
    monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")  # asked for by name
    assert Settings.from_environment().mirrors == (f"hf://{REPO}",)


def test_doctor_says_that_there_is_no_mirror_yet(default_mirror, monkeypatch):
    from click.testing import CliRunner

    from zoo_core.cli import main

    monkeypatch.setattr(settings_module, "DEFAULT_MIRROR_IS_PUBLISHED", False)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert "the project's own is not published yet" in CliRunner().invoke(main, ["doctor"]).stdout


def test_default_mirror_gives_no_file_of_which_only_the_first_digits_are_known(file, default_mirror):
    default_mirror.add_repo(REPO, FILES | {"manifest.json": MANIFEST})
    assert resolve(file, progress=False).source == file.url
    assert not default_mirror.requests


def test_default_mirror_gives_files_whose_full_digest_is_known_but_no_twins(file, default_mirror):
    default_mirror.add_repo(REPO, FILES | {"manifest.json": MANIFEST})
    found = resolve(replace(file, digest=Digest(SHA256)), progress=False)
    assert (found.source, found.path.name) == (f"hf://{REPO}", NAME)


def test_default_mirror_that_the_project_pins_vouches_for_its_files(file, default_mirror, monkeypatch):
    commit = default_mirror.add_repo(REPO, FILES | {"manifest.json": MANIFEST})
    monkeypatch.setattr(settings_module, "DEFAULT_MIRROR", f"hf://{REPO}@{commit}")
    assert resolve(file, progress=False).path.name == TWIN_NAME


def test_refusal_of_the_default_mirror_says_what_to_do(default_mirror):
    nowhere = file_of_url(ENTRY, f"http://127.0.0.1:9/{NAME}")
    with pytest.raises(WeightsUnavailableError, match="name the mirror in ZOO_MIRRORS"):
        resolve(nowhere, progress=False)


# the lock file


@pytest.fixture
def lock(tmp_path, monkeypatch):
    def write(files):
        put(tmp_path / "zoo.lock", Manifest(files).to_json())
        monkeypatch.setenv("ZOO_LOCK", str(tmp_path / "zoo.lock"))

    return write


def test_lock_turns_a_prefix_into_a_full_digest(file, lock):
    lock({f"{ENTRY}/{NAME}": FileFact(SHA256)})
    assert resolve(file, progress=False).verified == "full digest"


def test_file_that_is_not_the_locked_one_is_an_error_that_names_both_and_stays(file, lock, upstream):
    path = resolve(file, progress=False).path
    lock({f"{ENTRY}/{NAME}": FileFact(SHA256[:8] + OTHER)})
    with pytest.raises(WeightsUnavailableError) as caught:
        resolve(file, progress=False)
    assert SHA256 in str(caught.value)
    assert SHA256[:8] + OTHER in str(caught.value)
    assert "zoo.lock" in str(caught.value)
    assert path.exists()


def test_file_in_the_hugging_face_cache_that_is_not_the_locked_one_stays(file, lock, hub, upstream):
    hub.add_repo(REPO, FILES)
    path = resolve(file, progress=False).path
    lock({f"{ENTRY}/{NAME}": FileFact(SHA256[:8] + OTHER)})
    with pytest.raises(WeightsUnavailableError, match=r"zoo\.lock"):
        resolve(file, progress=False)
    assert path.read_bytes() == CONTENT
    assert hub.storage.count(hub.storage_path(REPO, f"{ENTRY}/{NAME}"), "GET") == 1


def test_entry_that_is_not_locked_is_an_error(file, lock, upstream):
    lock({"Other_Weights.V1/other.pth": FileFact(SHA256)})
    with pytest.raises(ManifestError, match=r"Model_Weights.V1 .* is not in the lock file"):
        resolve(file, progress=False)
    assert not upstream.requests


def test_lock_that_contradicts_the_catalogue_is_an_error_that_names_both(file, lock):
    lock({f"{ENTRY}/{NAME}": FileFact("f" * 64)})
    with pytest.raises(ManifestError, match=f"{'f' * 64}.*{SHA256[:8]}"):
        resolve(file, progress=False)


def test_lock_file_that_is_absent_is_an_error(file, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_LOCK", str(tmp_path / "absent.lock"))
    with pytest.raises(ManifestError, match=r"absent.lock.*zoo lock NAME"):
        resolve(file, progress=False)


@pytest.mark.parametrize(("locked", "expected"), [(True, TWIN_NAME), (False, NAME)])
def test_twin_is_used_only_if_it_is_locked_too(file, lock, mirror, locked, expected):
    mirror(FILES | {"manifest.json": MANIFEST})
    lock({f"{ENTRY}/{NAME}": FACT} | ({f"{ENTRY}/{TWIN_NAME}": TWIN_FACT} if locked else {}))
    assert resolve(file, progress=False).path.name == expected


def test_doctor_names_a_lock_file_that_keeps_zoo_from_working(lock, tmp_path):
    from click.testing import CliRunner

    from zoo_core.cli import main

    lock({f"{ENTRY}/{NAME}": FACT})
    assert "pins 1 entry" in CliRunner().invoke(main, ["doctor"]).stdout
    put(tmp_path / "zoo.lock", b"{")
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "correct ZOO_LOCK" in result.stdout
