"""What the test's Hub does with uploads, as the real client sees it."""

import hashlib
from collections.abc import Iterator

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, errors

from servers import HubServer, Status
from servers.repositories import blob_path

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

REPO = "org/weights"
WEIGHTS = bytes(range(256)) * 16
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
CARD = b"---\nlicense: unknown\n---\n# Weights\n"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer(write_token="hf_write") as server:
        yield server


@pytest.fixture
def api(hub: HubServer) -> HfApi:
    client = HfApi(endpoint=hub.url, token="hf_write")
    client.create_repo(REPO)
    return client


def add(**files: bytes) -> list[CommitOperationAdd]:
    return [CommitOperationAdd(name.replace("_", "."), content) for name, content in files.items()]


def test_commit_holds_small_and_large_files(hub: HubServer, api: HfApi) -> None:
    commit = api.create_commit(REPO, add(a_pth=WEIGHTS, README_md=CARD), commit_message="add")
    files = hub.repositories[REPO].commits[commit.oid].files
    assert {path: file.content for path, file in files.items() if path != ".gitattributes"} == {
        "a.pth": WEIGHTS,
        "README.md": CARD,
    }
    assert hub.storage.count(blob_path(REPO, SHA256), "PUT") == 1


def test_large_file_goes_to_the_storage_without_the_token(hub: HubServer, api: HfApi) -> None:
    api.create_commit(REPO, add(a_pth=WEIGHTS), commit_message="add")
    (put,) = hub.storage.requests_for(blob_path(REPO, SHA256), "PUT")
    assert "authorization" not in put.headers
    assert hub.count(f"/{REPO}.git/info/lfs/objects/verify") == 1


def test_large_file_that_is_there_is_not_sent_again(hub: HubServer, api: HfApi) -> None:
    api.create_commit(REPO, add(a_pth=WEIGHTS), commit_message="add")
    api.create_commit(REPO, add(b_pth=WEIGHTS), commit_message="add again")
    assert hub.storage.count(blob_path(REPO, SHA256), "PUT") == 1


def test_storage_refuses_other_bytes_than_the_address_names(hub: HubServer, api: HfApi) -> None:
    operation = CommitOperationAdd("a.pth", WEIGHTS)
    operation.upload_info.sha256 = bytes(32)
    with pytest.raises(RuntimeError, match="Error while uploading"):
        api.create_commit(REPO, [operation], commit_message="add")
    assert "a.pth" not in hub.repositories[REPO].find("main").files


def test_commit_on_top_of_an_old_one_is_refused(hub: HubServer, api: HfApi) -> None:
    old = api.repo_info(REPO).sha
    api.create_commit(REPO, add(a_pth=WEIGHTS), commit_message="first", parent_commit=old)
    with pytest.raises(errors.HfHubHTTPError) as caught:
        api.create_commit(REPO, add(b_pth=WEIGHTS), commit_message="second", parent_commit=old)
    assert caught.value.response.status_code == 412


def test_creating_twice_is_a_conflict_unless_it_may_exist(api: HfApi) -> None:
    with pytest.raises(errors.HfHubHTTPError) as caught:
        api.create_repo(REPO)
    assert caught.value.response.status_code == 409
    assert api.create_repo(REPO, exist_ok=True).endswith(REPO)


@pytest.mark.parametrize("card", [b"# no metadata", b"---\n: [\n---\n", b"---\nlicense: [mit]\n---\n"])
def test_card_with_bad_metadata_is_refused(api: HfApi, card: bytes) -> None:
    with pytest.raises(ValueError, match="Invalid metadata"):
        api.create_commit(REPO, add(README_md=card), commit_message="add")


def test_refused_object_is_an_error_that_says_so(hub: HubServer, api: HfApi) -> None:
    hub.refused_objects.add(SHA256)
    with pytest.raises(ValueError, match="this object is refused"):
        api.create_commit(REPO, add(a_pth=WEIGHTS), commit_message="add")


def test_nobody_else_may_write(hub: HubServer) -> None:
    with pytest.raises(errors.HfHubHTTPError):
        HfApi(endpoint=hub.url, token="hf_other").create_repo(REPO)
    assert hub.repositories == {}


def test_fault_of_a_commit_leaves_the_branch_where_it_was(hub: HubServer, api: HfApi) -> None:
    before = api.repo_info(REPO).sha
    hub.fail(f"/api/models/{REPO}/commit/main", Status(500), times=1)
    with pytest.raises(errors.HfHubHTTPError):
        api.create_commit(REPO, add(a_pth=WEIGHTS), commit_message="add")
    assert api.repo_info(REPO).sha == before
