"""Commands that packages bring: listed without being imported, imported when called, and never in the way."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from zoo_core.cli import main


def zoo(*arguments):
    return CliRunner().invoke(main, arguments)


def test_command_is_listed_with_the_first_line_of_its_module_and_not_imported(install_tasks, site):
    install_tasks()
    code = "import sys; from zoo_core.cli import main; main(['--help'], standalone_mode=False)\n"
    code += "assert not [name for name in sys.modules if name.startswith('light_zoo')]"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    listed = [line.split(maxsplit=1) for line in done.stdout.splitlines() if line.strip()]
    assert ["meter", "Meter the light."] in listed
    assert done.stderr == ""


def test_command_is_run_with_its_arguments(install_tasks):
    install_tasks()
    assert zoo("meter", "hall").stdout == "metered hall\n"
    assert "Meter the light of NAME." in zoo("meter", "--help").stdout


def test_command_that_is_mistyped_is_suggested(install_tasks):
    install_tasks()
    result = zoo("metre")
    assert result.exit_code == 2
    assert "There is no command 'metre'. Did you mean meter" in result.stderr


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("light_zoo.absent:command", "ModuleNotFoundError"),
        ("light_zoo.metering:absent", "AttributeError"),
        ("light_zoo.metering:click", "expected a click command, found module"),
        ("light_zoo.metering", "ValueError"),
        ("absent_zoo:command", "ModuleNotFoundError"),
    ],
)
def test_broken_command_is_named_when_it_is_called(install_tasks, reference, reason):
    install_tasks(commands=f"meter = {reference}")
    result = zoo("meter")
    assert result.exit_code == 2
    assert f"The command 'meter' ({reference}) is broken and was skipped: " in result.stderr
    assert reason in result.stderr
    assert "Did you mean meter" not in result.stderr


def test_command_without_a_file_is_named_and_the_others_are_listed(install_tasks):
    install_tasks(commands="gone = light_zoo.gone:command\nlost = lost_zoo:command\nmeter = light_zoo.metering:command")
    result = zoo("--help")
    assert result.exit_code == 0
    assert "'gone' (light_zoo.gone:command) is broken and was skipped: FileNotFoundError" in result.stderr
    assert "'lost' (lost_zoo:command) is broken and was skipped: ModuleNotFoundError" in result.stderr
    assert "Meter the light." in result.stdout
    assert "gone" not in result.stdout


def test_built_in_command_cannot_be_replaced(install_tasks):
    install_tasks(commands="list = light_zoo.metering:command")
    assert "metered" not in zoo("list", "resnet50").stdout
    assert "Meter the light." not in zoo("--help").stdout
