"""Weights entries: what a member is, tells, and stays."""

import copy
import hashlib
import math
import pickle

import pytest
import torch

from core.example_package import ENTRY, FAMILY
from servers import FileServer
from zoo_classification import ResNet18_Weights
from zoo_core import Preset, Weights, get_weight


@pytest.fixture
def tiny(example):
    return example.Tiny_Weights


def test_member_writes_itself_as_torchvisions_do(tiny):
    assert str(tiny.V1) == repr(tiny.V1) == "Tiny_Weights.V1"
    assert list(tiny) == [tiny.V1, tiny.V2]


def test_default_is_an_alias(tiny):
    assert tiny.DEFAULT is tiny.V2


def test_member_tells_its_facts(tiny):
    assert tiny.V1.url == "https://host/tiny-01234567.pth"
    assert tiny.V1.meta["categories"] == ["circle", "square", "star"]
    assert tiny.V1.meta["min_size"] == (1, 1)
    assert tiny.V1.transforms == Preset("ImageClassification", {"crop_size": 8})
    assert tiny.V1.value == Weights(tiny.V1.url, tiny.V1.transforms, tiny.V1.meta)


def test_unpublished_metric_is_nan_and_equal_to_itself(tiny):
    assert math.isnan(tiny.V1.meta["_metrics"]["Shapes"]["acc@1"])
    assert tiny.V1.meta == tiny.V1.meta
    assert tiny.V1.value == tiny.V1.value


def test_changing_the_metadata_that_one_got_changes_nobody_elses(tiny):
    tiny.V1.meta["categories"].append("triangle")
    tiny.V1.meta["_metrics"]["Shapes"]["acc@5"] = 99
    assert tiny.V1.meta["categories"] == ["circle", "square", "star"]
    assert tiny.V1.meta["_metrics"]["Shapes"]["acc@5"] == 50.5


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda member: pickle.loads(pickle.dumps(member))])
def test_copy_is_the_member_itself_also_with_metrics_that_are_nan(tiny, copied):
    assert copied(tiny.V1) is tiny.V1
    assert copied([tiny.V2])[0] is tiny.V2 or copied is copy.copy


def test_member_can_be_written_directly(example):
    assert example.Own_Weights.DEFAULT.url == "https://host/own.pth"
    assert pickle.loads(pickle.dumps(example.Own_Weights.V1)) is example.Own_Weights.V1
    assert example.Own_Weights.V1.file.name == "own.pth"


def test_file_has_the_full_digest_where_one_is_stated_else_the_prefix(tiny):
    assert tiny.V1.file.digest.hexadecimal == "01234567"
    assert tiny.V2.file.digest.is_full
    assert (tiny.V1.file.size, tiny.V2.file.size) == (None, 123)


def test_transforms_are_built_when_called_and_take_other_arguments(tiny):
    image = torch.zeros(3, 20, 20)
    assert tiny.V1.transforms()(image).shape == (3, 8, 8)
    assert tiny.V1.transforms(crop_size=5)(image).shape == (3, 5, 5)


@pytest.mark.parametrize("name", ["V1", "Tiny_Weights.V1"])
def test_names_stand_for_members(tiny, name):
    assert tiny.verify(name) is tiny.V1


def test_none_and_members_are_verified(tiny):
    assert tiny.verify(None) is None
    assert tiny.verify(tiny.V2) is tiny.V2


def test_member_of_another_enum_is_a_type_error(example):
    with pytest.raises(TypeError, match="expected Tiny_Weights but received Own_Weights"):
        example.Tiny_Weights.verify(example.Own_Weights.V1)


@pytest.mark.parametrize("wrong", [3, 0.5, object(), b"V1", ["V1"]])
def test_what_is_no_member_is_a_type_error(tiny, wrong):
    with pytest.raises(TypeError, match=f"received {type(wrong).__name__}"):
        tiny.verify(wrong)


def test_enum_itself_is_a_type_error_that_names_it(tiny):
    with pytest.raises(TypeError, match="received Tiny_Weights"):
        tiny.verify(tiny)


def test_unknown_name_lists_the_members(tiny):
    with pytest.raises(KeyError, match="it has V1, V2, DEFAULT"):
        tiny.verify("V3")


def test_state_dict_is_fetched_verified_and_read(example, tmp_path, monkeypatch):
    torch.save({"1.weight": torch.ones(3, 4), "1.bias": torch.zeros(3)}, tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    with FileServer({f"/own-{digest[:8]}.pth": content}) as server:
        member = example.Own_Weights.V1
        monkeypatch.setattr(member, "_value_", Weights(f"{server.url}/own-{digest[:8]}.pth", Preset("X"), {}))
        assert member.get_state_dict(progress=False, check_hash=True)["1.weight"].sum() == 12
        state = member.get_state_dict(tmp_path / "mine", torch.device("meta"), False)
    assert state["1.bias"].device.type == "meta"
    assert (tmp_path / "mine" / f"own-{digest[:8]}.pth").read_bytes() == content


def test_check_hash_refuses_a_file_whose_digest_nobody_knows(example):
    with pytest.raises(ValueError, match="no SHA-256 is known for Own_Weights"):
        example.Own_Weights.V1.get_state_dict(check_hash=True)


def test_members_are_the_same_however_they_are_reached(example):
    assert get_weight("Own_Weights.V1") is example.Own_Weights["V1"] is example.Own_Weights("V1")


def test_metadata_may_refer_to_another_package(install):
    other = {"categories": "@example_zoo:shapes", "unquantized": "zoo_classification:ResNet18_Weights.DEFAULT"}
    entry = ENTRY | {"meta": ENTRY["meta"] | other}
    install()
    install("other_zoo", family=FAMILY | {"weights": {"Tiny_Weights": {"V1": entry, "V2": entry}}})
    from other_zoo import Tiny_Weights

    assert Tiny_Weights.V1.meta["categories"] == ["circle", "square", "star"]
    assert Tiny_Weights.V1.meta["unquantized"] is ResNet18_Weights.DEFAULT
