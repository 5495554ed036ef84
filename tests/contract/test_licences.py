"""Every entry states its licence and who says so, or what is known instead; `ZOO_LICENSES` refuses the others."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from zoo_core import get_model, get_model_weights, get_weight, list_models, list_weights
from zoo_core._terms import datasets_in, read_terms
from zoo_core.cli import main
from zoo_core.errors import LicenseRefusedError
from zoo_core.files import read_licenses
from zoo_core.mirrors._cards import entry_card
from zoo_core.prediction import predict

ROOT = Path(__file__).parents[2]
MEMBERS = [member for name in list_models() for member in get_model_weights(name)]
SAMPLES = ROOT / "packages" / "zoo-digits" / "src" / "zoo_digits" / "samples"
DIGITS = "ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1"


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_entry_states_its_licence_and_who_says_so_or_what_is_known_instead(member):
    meta = member.meta
    assert read_licenses(meta["license"]) == (meta["license"],)
    if meta["license"] == "unknown":
        assert "license_stated_by" not in meta
        assert meta["publisher"]["license"] == "BSD-3-Clause"
    else:
        assert len(meta["license_stated_by"]) > 10
    assert list(meta["dataset_terms"]) == datasets_in(meta["dataset"])
    assert all(facts["terms"] and "://" in facts["source"] for facts in meta["dataset_terms"].values())


def test_licences_that_somebody_states_are_taken_over():
    known = [member for member in MEMBERS if member.meta["license"] != "unknown"]
    assert len(known) == 56  # 49 of shared facts, 6 more of SWAG, the digits
    assert {str(member) for member in known if member.meta["license"] == "CC-BY-NC-4.0"} == {
        str(member) for member in MEMBERS if "SWAG" in member.name
    }


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_info_and_card_say_all_of_it(member):
    shown = CliRunner().invoke(main, ["info", str(member)]).stdout
    card, meta = entry_card(member, {}), member.meta
    facts = [meta["license"], meta.get("license_stated_by", ""), meta.get("license_link", "")]
    facts += list(meta.get("publisher", {}).values())
    facts += [text for terms in meta["dataset_terms"].values() for text in terms.values()]
    assert [fact for fact in facts if fact not in shown] == []
    assert [fact for fact in facts if fact not in card and fact.lower() not in card] == []


def test_page_has_every_data_set_with_its_terms():
    page = (ROOT / "docs" / "licences.md").read_text()
    named = {name: facts for member in MEMBERS for name, facts in member.meta["dataset_terms"].items()}
    rows = {f"| [{name}]({facts['source']}) | {facts['terms']} |" for name, facts in named.items()}
    assert set(re.findall(r"^\| \[.*$", page, re.MULTILINE)) == rows
    assert read_terms()["datasets"].keys() <= named.keys()  # nothing that no entry needs


def test_entries_are_chosen_by_licence_however_it_is_spelt():
    assert {member.meta["license"] for member in list_weights(licenses="apache-2.0")} == {"Apache-2.0"}
    both = list_weights(licenses=["Apache-2.0", "cc-by-nc-4.0, mit"])
    assert {member.meta["license"] for member in both} == {"Apache-2.0", "CC-BY-NC-4.0"}
    result = CliRunner().invoke(main, ["list", "--license", "Apache-2.0"])
    assert result.stdout.count("DenseNet") == 4


@pytest.mark.parametrize(("text", "hint"), [
    ("BSD3", "BSD-3-Clause"), ("apache2", "Apache-2.0"), ("MTI", "MIT"), ("unknwon", "unknown"),
])  # fmt: skip
@pytest.mark.parametrize("arguments", [["info", DIGITS], ["predict", str(SAMPLES)], ["cache", "ls"]])
def test_misspelt_licence_is_wrong_usage_with_the_nearest(monkeypatch, text, hint, arguments):
    monkeypatch.setenv("ZOO_LICENSES", f"MIT,{text}")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "ZOO_LICENSES" in result.stderr
    assert hint in result.stderr.rpartition("Did you mean")[2]
    assert CliRunner().invoke(main, ["list", "--license", text]).exit_code == 2


def test_licence_that_is_not_allowed_is_refused_wherever_weights_are_loaded(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_LICENSES", "MIT, Apache-2.0")
    weights = get_weight(DIGITS)
    for load in (
        lambda: get_model("shufflenet_v2_x0_5_digits", weights=weights),
        lambda: predict(SAMPLES, model="shufflenet_v2_x0_5_digits"),
        weights.get_state_dict,
    ):
        with pytest.raises(LicenseRefusedError, match=r"BSD-3-Clause.*says zoo-digits.*MIT,Apache-2.0 only.*zoo list"):
            load()
    for arguments in (["predict", str(SAMPLES)], ["download", DIGITS, "alexnet"]):
        result = CliRunner().invoke(main, arguments)
        assert (result.exit_code, "add BSD-3-Clause to ZOO_LICENSES" in result.stderr) == (1, True), result.output
    for arguments in (["mirror", "export", str(tmp_path)], ["bundle", "create", "-o", str(tmp_path / "weights.tar")]):
        result = CliRunner().invoke(main, [*arguments, "alexnet"])
        assert (result.exit_code, "add unknown to ZOO_LICENSES" in result.stderr) == (1, True), result.output


@pytest.mark.parametrize("allowed", ["BSD-3-Clause", "mit,bsd-3-clause", "", " , "])
def test_licence_that_is_allowed_is_loaded(monkeypatch, allowed):
    monkeypatch.setenv("ZOO_LICENSES", allowed)
    assert len(predict(SAMPLES, model="shufflenet_v2_x0_5_digits")) > 1


def test_unknown_licence_must_be_named(monkeypatch, publish, tmp_path):
    member = get_weight("SqueezeNet1_1_Weights.DEFAULT")
    meta = member.meta
    publish(member, get_model("squeezenet1_1", num_classes=1000).state_dict())
    assert member.meta == meta
    monkeypatch.setenv("ZOO_LICENSES", "BSD-3-Clause")
    with pytest.raises(
        LicenseRefusedError, match=r"no licence is known \(.*vision, which publishes it, is under BSD-3"
    ):
        get_model("squeezenet1_1", weights=member)
    monkeypatch.setenv("ZOO_LICENSES", "BSD-3-Clause,unknown")
    get_model("squeezenet1_1", weights=member)


def test_doctor_says_which_licences_are_allowed(monkeypatch):
    monkeypatch.setenv("ZOO_LICENSES", "mit")
    assert "only MIT is loaded" in CliRunner().invoke(main, ["doctor"]).stdout
