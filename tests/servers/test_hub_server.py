"""The Hugging Face Hub that other tests rely on, as the real client sees it."""

import hashlib
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants, errors

from servers import Corrupted, HubServer, Truncated, WrongEtag

REPO = "org/zoo-weights"
WEIGHTS = bytes(range(256)) * 8
Download = Callable[..., Path]


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer(page_size=2) as server:
        yield server


@pytest.fixture
def download(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Download]:
    """`hf_hub_download` from the test's hub into the test's folder, asking nobody else for anything."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    huggingface_hub.close_session()

    def run(filename: str, repo_id: str = REPO, revision: str = "main", token: str | bool = False) -> Path:
        path = huggingface_hub.hf_hub_download(
            repo_id, filename, revision=revision, token=token, endpoint=hub.url, cache_dir=tmp_path
        )
        return Path(path)

    yield run
    huggingface_hub.close_session()


def test_download_lands_in_the_documented_cache_layout(hub: HubServer, download: Download, tmp_path: Path) -> None:
    commit = hub.add_repo(REPO, {"a.pth": WEIGHTS})
    path = download("a.pth")
    folder = tmp_path / "models--org--zoo-weights"
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    assert path == folder / "snapshots" / commit / "a.pth"
    assert path.readlink() == Path("../../blobs") / digest
    assert (folder / "blobs" / digest).read_bytes() == WEIGHTS
    assert (folder / "refs" / "main").read_text() == commit


def test_small_file_is_named_by_its_git_object(hub: HubServer, download: Download) -> None:
    hub.add_repo(REPO, {"manifest.json": b"{}\n"})
    assert download("manifest.json").resolve().name == "0967ef424bce6791893e9a57bb952f80fd536e93"
    assert hub.storage.requests == ()


def test_pinned_commit_in_the_cache_makes_no_request(hub: HubServer, download: Download) -> None:
    commit = hub.add_repo(REPO, {"a.pth": WEIGHTS})
    download("a.pth", revision=commit)
    before = (hub.requests, hub.storage.requests)
    assert download("a.pth", revision=commit).read_bytes() == WEIGHTS
    assert (hub.requests, hub.storage.requests) == before


def test_revisions_keep_their_files(hub: HubServer, download: Download) -> None:
    first = hub.add_repo(REPO, {"a.pth": b"first", "b.pth": b"kept"})
    second = hub.add_commit(REPO, {"a.pth": b"second"})
    branch = hub.add_commit(REPO, {"a.pth": b"branch"}, "next")
    assert len({first, second, branch}) == 3
    assert download("a.pth").read_bytes() == b"second"
    assert download("b.pth").read_bytes() == b"kept"
    assert download("a.pth", revision=first).read_bytes() == b"first"
    assert download("a.pth", revision="next").read_bytes() == b"branch"


def test_adding_a_repository_twice_is_an_error(hub: HubServer) -> None:
    hub.add_repo(REPO, {})
    with pytest.raises(ValueError, match="add_commit"):
        hub.add_repo(REPO, {})


def test_token_goes_to_the_hub_and_not_to_the_storage(hub: HubServer, download: Download) -> None:
    hub.add_repo(REPO, {"a.pth": WEIGHTS}, token="hf_secret")
    download("a.pth", token="hf_secret")
    (head,) = hub.requests_for(hub.resolve_path(REPO, "a.pth"))
    (get,) = hub.storage.requests_for(hub.storage_path(REPO, "a.pth"))
    assert head.headers["authorization"] == "Bearer hf_secret"
    assert "authorization" not in get.headers
    assert (head.method, get.method, get.bytes_sent) == ("HEAD", "GET", len(WEIGHTS))


@pytest.mark.parametrize(
    ("options", "error", "status"),
    [
        ({"filename": "none.pth"}, errors.RemoteEntryNotFoundError, 404),
        ({"revision": "none"}, errors.RevisionNotFoundError, 404),
        ({"repo_id": "org/none"}, errors.RepositoryNotFoundError, 401),
        ({"repo_id": "org/none", "token": "hf_any"}, errors.RepositoryNotFoundError, 404),
        ({"repo_id": "org/private"}, errors.RepositoryNotFoundError, 401),
        ({"repo_id": "org/private", "token": "hf_other"}, errors.RepositoryNotFoundError, 404),
        ({"repo_id": "org/gated"}, errors.GatedRepoError, 401),
        ({"repo_id": "org/gated", "token": "hf_any"}, errors.GatedRepoError, 403),
    ],
)
def test_refusals_are_the_client_s_errors(
    hub: HubServer,
    download: Download,
    options: dict[str, str],
    error: type[errors.HfHubHTTPError],
    status: int,
) -> None:
    hub.add_repo(REPO, {"a.pth": WEIGHTS})
    hub.add_repo("org/private", {"a.pth": WEIGHTS}, token="hf_secret")
    hub.add_repo("org/gated", {"a.pth": WEIGHTS}, gated=True)
    with pytest.raises(error) as caught:
        download(**{"filename": "a.pth"} | options)
    assert type(caught.value) is error
    assert caught.value.response.status_code == status


def test_truncated_download_goes_on_with_a_range(
    hub: HubServer, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 64)  # whole chunks are kept, the rest is asked for again
    hub.add_repo(REPO, {"a.pth": WEIGHTS})
    path = hub.storage_path(REPO, "a.pth")
    hub.storage.fail(path, Truncated(after=100), times=1)
    assert download("a.pth").read_bytes() == WEIGHTS
    first, second = hub.storage.requests_for(path)
    assert (first.bytes_sent, second.headers["range"], second.bytes_sent) == (100, "bytes=64-", 1984)


def test_client_accepts_wrong_bytes_of_the_right_size(hub: HubServer, download: Download) -> None:
    """Why a file from the Hub is hashed here."""
    hub.add_repo(REPO, {"a.pth": WEIGHTS})
    hub.storage.fail(hub.storage_path(REPO, "a.pth"), Corrupted())
    assert download("a.pth").read_bytes() != WEIGHTS


def test_wrong_etag_names_the_wrong_blob(hub: HubServer, download: Download) -> None:
    hub.add_repo(REPO, {"a.pth": WEIGHTS})
    hub.fail(hub.resolve_path(REPO, "a.pth"), WrongEtag('"0123"'))
    assert download("a.pth").resolve().name == "0123"


def test_snapshot_lists_page_by_page(hub: HubServer, download: Download, tmp_path: Path) -> None:
    contents = {"README.md": b"# weights\n", "a/b.pth": WEIGHTS, "a/c.pth": b"c", "d.pth": b"d"}
    commit = hub.add_repo(REPO, contents)
    folder = Path(huggingface_hub.snapshot_download(REPO, endpoint=hub.url, cache_dir=tmp_path, token=False))
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert (folder.name, found) == (commit, contents)
    assert hub.count(f"/api/models/{REPO}/tree/{commit}") == 3


def test_unknown_endpoint_is_404(hub: HubServer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        urllib.request.urlopen(hub.url + "/api/whoami-v2", timeout=5)
    caught.value.close()


def test_endpoint_from_the_environment_is_enough(hub: HubServer, tmp_path: Path) -> None:
    hub.add_repo(REPO, {"a.pth": WEIGHTS})
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    program = f"import huggingface_hub; print(huggingface_hub.hf_hub_download({REPO!r}, 'a.pth'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=kept | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=True,
    )
    path = Path(done.stdout.strip())
    assert path.is_relative_to(tmp_path / "hub")
    assert path.read_bytes() == WEIGHTS
