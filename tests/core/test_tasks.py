"""Tasks that packages bring: everything that works for zoo's own tasks works for a stranger's."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from PIL import Image

from zoo_core import get_weight
from zoo_core._registry import find_task, task_of
from zoo_core.cli import main
from zoo_core.images import read_image
from zoo_core.inference import example_of
from zoo_core.mirrors._cards import config_of, entry_card
from zoo_core.prediction import BatchPredictor, load_predictor, predict
from zoo_core.tasks import Task


def zoo(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def picture(tmp_path):
    Image.new("RGB", (8, 8), (51, 51, 51)).save(tmp_path / "grey.png")
    return tmp_path / "grey.png"


def test_list_and_info_know_a_task_of_a_strangers(install_tasks):
    install_tasks()
    (row,) = json.loads(zoo("list", "--task", "exposure", "--json").stdout)
    assert (row["model"], row["metrics"]) == ("exposure", {"Photos": {"error": 0.5}})
    assert json.loads(zoo("info", "negative", "--json").stdout)["task"] == "negative"
    assert "error 0.5 (Photos)" in zoo("info", "Negative_Weights.V1").stdout


def test_numbers_are_predicted_printed_written_and_drawn(install_tasks, picture, tmp_path):
    install_tasks()
    result = zoo("predict", picture, "--model", "exposure", "--save", tmp_path / "drawn")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{picture}  exposure 0.80\n"
    assert read_image(tmp_path / "drawn" / "grey.png").height > 8
    assert zoo("predict", picture, "--model", "exposure", "-o", tmp_path / "rows.jsonl").exit_code == 0
    (row,) = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert row.pop("made_by") == "exposure, light.pth, stops=1"
    assert row == {"source": str(picture), "exposure": pytest.approx(0.8), "weights": "Exposure_Weights.V1"}


def test_images_are_predicted_and_saved_with_the_arguments_that_the_builder_needs(install_tasks, picture, tmp_path):
    install_tasks()
    result = zoo("predict", picture, "--model", "negative", "--json", "--quiet", "--save", tmp_path / "drawn")
    drawn = str(tmp_path / "drawn" / "grey.png")
    assert json.loads(result.stdout) == [{"source": str(picture), "size": [8, 8], "picture": drawn}]
    assert read_image(tmp_path / "drawn" / "grey.png").getpixel((0, 0)) == (204, 204, 204)


def test_task_without_pictures_says_so(install_tasks, picture, tmp_path):
    install_tasks()
    result = zoo("predict", picture, "--model", "grain", "--save", tmp_path / "drawn")
    assert result.exit_code == 2
    assert "There is no picture of grains, what grain predicts" in result.stderr


def test_python_takes_the_options_that_the_task_states_and_no_other(install_tasks, picture):
    install_tasks()
    (prediction,) = predict(picture, model="exposure", stops=2)
    assert prediction.value == pytest.approx(1.6)
    with pytest.raises(ValueError, match="does not take topk: its prediction takes stops"):
        load_predictor("exposure", topk=1)
    assert BatchPredictor("exposure")({"path": [str(picture)]})["error"][0] is None


def test_options_are_flags_of_the_command_line(install_tasks, site, picture):
    install_tasks()
    command = [sys.executable, "-m", "zoo_core.cli", "predict", str(picture), "--model", "exposure", "--stops"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])}
    done = subprocess.run([*command, "3"], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.endswith("exposure 2.40\n")
    refused = subprocess.run([*command, "0"], capture_output=True, text=True, check=False, env=environment)
    assert (refused.returncode, "--stops" in refused.stderr) == (2, True)


def test_model_cards_and_configurations_say_what_the_task_states(install_tasks):
    install_tasks()
    card = entry_card(get_weight("Exposure_Weights.V1"), {})
    assert 'pipeline_tag: "image-to-number"' in card
    assert '"task": {"type": "image-to-number"}' in card
    card = entry_card(get_weight("Negative_Weights.V1"), {})
    assert "pipeline_tag" not in card
    assert '"task": {"type": "negative"}' in card
    assert 'get_model("negative", weights=weights, strict=True)' in card
    assert config_of(get_weight("Negative_Weights.V1"))["arguments"]["strict"] is True


def test_mirror_is_made_of_entries_of_a_strangers_task(install_tasks, tmp_path):
    install_tasks()
    assert zoo("mirror", "export", tmp_path / "mirror", "Exposure_Weights.V1").exit_code == 0
    assert "image-to-number" in (tmp_path / "mirror" / "Exposure_Weights.V1" / "README.md").read_text()
    assert "| exposure |" in (tmp_path / "mirror" / "README.md").read_text()


def test_nobody_replaces_a_task_of_zoos_own(install_tasks, site):
    install_tasks()
    statement = site / "light_zoo" / "catalogue" / "tasks.py"
    statement.write_text(statement.read_text().replace('name="grain"', 'name="detection"'))
    assert find_task("detection").predictor == "zoo_detection.prediction:DetectionPredictor"
    with pytest.raises(ValueError, match="grain is for grain; prediction is there for classification, "):
        task_of("grain")


@pytest.mark.parametrize("text", ["TASKS = 3", "import a_library_that_is_not_there", "TASKS = ('exposure',)", ""])
def test_broken_statement_is_named_and_its_models_stay(install_tasks, site, text):
    install_tasks()
    (site / "light_zoo" / "catalogue" / "tasks.py").write_text(text)
    with pytest.warns(UserWarning, match="'light_zoo' is broken and was skipped"):
        assert find_task("exposure") is None
    assert zoo("list", "--task", "exposure").stdout.startswith("MODEL")


@pytest.mark.parametrize("reference", ["my_zoo.prediction", "my_zoo.prediction:", ":Predictor"])
def test_reference_of_another_form_is_refused(reference):
    with pytest.raises(ValueError, match=r"The task depth refers to .*: expected 'module:name'"):
        Task(name="depth", predictor=reference, results="depths")


def test_network_of_a_package_with_several_ways_to_call_its_models_needs_an_example(install_tasks, site):
    install_tasks()
    from torch import nn

    network = type("Network", (nn.Identity,), {"__module__": "light_zoo._network"})()
    (images,) = example_of(network)
    assert images.shape == (1, 3, 224, 224)
    statement = site / "light_zoo" / "catalogue" / "tasks.py"
    statement.write_text(
        statement.read_text() + "\nTASKS = (*TASKS[:2], Task(name='grain', predictor='a:b', "
        "results='', example='light_zoo.prediction:example'))\n"
    )
    sys.modules.pop("light_zoo.catalogue.tasks")
    with pytest.raises(ValueError, match="give an example"):
        example_of(network)
