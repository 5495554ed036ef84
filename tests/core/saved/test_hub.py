"""Saved models on a Hub: published, found by name on another machine, and used without a connection after that."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi

from core.saved.conftest import CATEGORIES, DIGITS, same
from zoo_core import get_model, get_model_weights, get_weight, push_model, save_model
from zoo_core.errors import SavedModelError, WeightsUnavailableError
from zoo_core.files import Settings
from zoo_core.files.sources._asked_once import forget_answers

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

REPO, NAME = "lab/shapes", "hf-hub:lab/shapes"


@pytest.fixture
def other_machine(tmp_path, monkeypatch):
    """Go to another machine: other caches, another folder, a new process."""

    def go(name="other"):
        forget_answers()
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for variable in ("HF_HOME", "TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.setenv(variable, str(folder / variable))
        monkeypatch.chdir(folder)

    return go


@pytest.fixture
def published(folder, hub):
    """The commit of the model in a public repository."""
    return push_model(folder, REPO).partition("@")[2]


def test_folder_is_published_in_one_commit_with_what_belongs_to_it(folder, hub, published):
    (folder / "notes.txt").write_text("mine")
    files = hub.repositories[REPO].commits[published].files
    names = {"README.md", "config.json", "manifest.json", "model.safetensors"}
    assert files.keys() - {".gitattributes"} == names
    assert all(files[name].content == (folder / name).read_bytes() for name in names)
    assert len(hub.repositories[REPO].commits) == 2  # with the one that made it


def test_model_is_built_by_its_name_on_another_machine(trained, published, other_machine):
    other_machine()
    found = get_model(NAME, progress=False).eval()
    assert same(found.state_dict(), trained.state_dict())
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(found(image), trained(image))
    weights = get_model_weights(NAME).DEFAULT
    assert weights.meta["categories"] == CATEGORIES
    assert weights.transforms().crop_size == [64]


def test_model_is_published_as_it_is_in_memory(trained, hub, other_machine):
    name = push_model(trained, REPO, categories=CATEGORIES, license="MIT", message="From memory")
    other_machine()
    assert same(get_model(name, progress=False).state_dict(), trained.state_dict())


def test_details_of_a_folder_cannot_be_changed_by_publishing(folder, hub):
    with pytest.raises(ValueError, match="is saved already: license cannot be changed"):
        push_model(folder, REPO, license="MIT")


def test_downloaded_model_needs_no_connection(trained, published, other_machine, monkeypatch):
    other_machine()
    get_model(NAME, progress=False)
    forget_answers()
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert same(get_model(NAME).state_dict(), trained.state_dict())


def test_downloaded_model_is_used_where_the_server_is_down(trained, published, other_machine, hub, monkeypatch):
    other_machine()
    get_model(NAME, progress=False)
    forget_answers()
    hub.close()
    assert same(get_model(NAME).state_dict(), trained.state_dict())


def test_offline_without_the_model_says_so(published, other_machine, monkeypatch):
    other_machine()
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(WeightsUnavailableError, match=f"{NAME} is not on this machine, and zoo is offline"):
        get_model(NAME)


def test_cache_that_the_hub_s_client_has_filled_is_used(trained, published, other_machine, hub, monkeypatch):
    other_machine()
    HfApi(endpoint=hub.url).snapshot_download(REPO, cache_dir=Settings.from_environment().hub_cache)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert same(get_model(NAME).state_dict(), trained.state_dict())


def test_hub_s_client_finds_what_zoo_has_downloaded(published, other_machine, hub, monkeypatch):
    other_machine()
    get_model(NAME, progress=False)
    cache = Settings.from_environment().hub_cache
    found = HfApi(endpoint="http://127.0.0.1:9").hf_hub_download(
        REPO, "model.safetensors", cache_dir=cache, local_files_only=True
    )
    assert Path(found).exists()


def test_revisions_are_branches_tags_and_commits(trained, folder, hub, published, other_machine):
    first = {name: value.clone() for name, value in trained.state_dict().items()}
    hub.repositories[REPO].refs |= {"v1": published, "next": published}
    with torch.no_grad():
        trained.fc.bias.add_(1)
    save_model(trained, folder, categories=CATEGORIES)
    second = push_model(folder, f"{REPO}@next")
    other_machine()
    for name in (NAME, f"{NAME}@v1", f"{NAME}@{published}", f"{NAME}@main"):
        assert same(get_model(name, progress=False).state_dict(), first), name
    for name in (f"{NAME}@next", second):
        assert same(get_model(name, progress=False).state_dict(), trained.state_dict()), name
    assert second.startswith(f"{NAME}@")


def test_commit_that_is_here_is_not_asked_for(trained, published, other_machine, hub):
    other_machine()
    get_model(f"{NAME}@{published}", progress=False)
    forget_answers()
    before = len(hub.requests)
    get_model(f"{NAME}@{published}", progress=False)
    assert len(hub.requests) == before


def test_revision_that_is_not_there_is_an_error(published, other_machine):
    with pytest.raises(WeightsUnavailableError, match=f"{NAME}@v9: .*no such revision"):
        get_model(f"{NAME}@v9")


def test_repository_that_is_not_there_is_an_error(hub):
    with pytest.raises(WeightsUnavailableError, match="hf-hub:lab/none: no such repository, or no access to it"):
        get_model("hf-hub:lab/none")


def test_repository_without_a_saved_model_is_an_error(hub):
    hub.add_repo("lab/other", {"config.json": b"{}", "pytorch_model.bin": b""})
    with pytest.raises(SavedModelError, match=r"is a repository without a saved model: it has no manifest\.json"):
        get_model("hf-hub:lab/other")


def test_private_repository_is_there_for_those_with_the_token(trained, folder, hub, other_machine, monkeypatch):
    push_model(folder, "lab/secret", private=True)
    other_machine()
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(WeightsUnavailableError, match="no such repository, or no access to it"):
        get_model("hf-hub:lab/secret")
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    assert same(get_model("hf-hub:lab/secret", progress=False).state_dict(), trained.state_dict())


@pytest.mark.parametrize("token", [None, "hf_read"])
def test_who_may_not_write_is_told_how_to(folder, hub, monkeypatch, token):
    if token is None:
        monkeypatch.delenv("HF_TOKEN")
    else:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(OSError, match="log in with `hf auth login`, or set HF_TOKEN to a token that may write there"):
        push_model(folder, "lab/new")
    assert "lab/new" not in hub.repositories


def test_newer_commit_of_a_branch_is_taken_and_an_older_model_may_come_back(
    trained, folder, hub, published, other_machine
):
    old = {path.name: path.read_bytes() for path in folder.iterdir()}
    with torch.no_grad():
        trained.fc.bias.add_(1)
    save_model(trained, folder, categories=CATEGORIES)
    folder = folder.absolute()
    other_machine()
    first = get_model(NAME, progress=False).fc.bias
    push_model(folder, REPO)
    assert torch.equal(get_model(NAME, progress=False).fc.bias, first + 1)
    forget_answers()
    hub.add_commit(REPO, old)
    assert torch.equal(get_model(NAME, progress=False).fc.bias, first)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_file_that_was_changed_on_the_hub_is_refused(hub, published, other_machine, name):
    content = bytearray(hub.repositories[REPO].commits[published].files[name].content)
    content[-3] ^= 1
    hub.add_commit(REPO, {name: bytes(content)})
    other_machine()
    with pytest.raises(WeightsUnavailableError, match=f"No source has {name}"):
        get_model(NAME, progress=False)


def test_folder_that_was_tampered_with_is_not_published(folder, hub):
    (folder / "model.safetensors").write_bytes(b"x")
    with pytest.raises(WeightsUnavailableError, match="SHA-256"):
        push_model(folder, REPO)
    assert REPO not in hub.repositories


def test_readme_of_the_folder_s_owner_is_published(folder, hub):
    mine = b"---\nlicense: mit\n---\n# Mine\n"
    (folder / "README.md").write_bytes(mine)
    commit = push_model(folder, REPO).partition("@")[2]
    files = hub.repositories[REPO].commits[commit].files
    assert files["README.md"].content == mine
    assert "README.md" not in json.loads(files["manifest.json"].content)["files"]


def test_readme_that_was_changed_on_the_hub_stays(trained, folder, hub, published, other_machine):
    mine = b"---\nlicense: mit\n---\n# Mine\n"
    hub.add_commit(REPO, {"README.md": mine})
    save_model(trained, folder, categories=CATEGORIES, metrics={"Shapes": {"acc@1": 80.0}})
    push_model(folder, REPO)
    assert hub.repositories[REPO].find("main").files["README.md"].content == mine
    other_machine()
    assert get_weight(NAME).meta["_metrics"] == {"Shapes": {"acc@1": 80.0}}


def test_branch_that_is_not_there_is_an_error_and_publishes_nothing(folder, hub, published):
    with pytest.raises(OSError, match="no such revision"):
        push_model(folder, f"{REPO}@none")


def test_who_may_not_write_gets_an_error(folder, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(OSError, match="lab/shapes"):
        push_model(folder, REPO)
    assert REPO not in hub.repositories


def test_nothing_is_published_offline(folder, hub, monkeypatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(OSError, match="offline"):
        push_model(folder, REPO)


@pytest.mark.parametrize("repo", ["name", "a/b/c", "a/b@", "../b"])
def test_name_of_a_repository_is_checked_first(folder, hub, repo):
    with pytest.raises(ValueError, match="Expected hf-hub:organisation/name"):
        push_model(folder, repo)


def test_parent_of_a_model_from_a_hub_is_named(published, other_machine):
    other_machine()
    saved = save_model(get_model(NAME, progress=False), "child")
    assert saved.config.parent["name"] == NAME
    assert saved.config.architecture == DIGITS
    assert Path("child").is_dir()
