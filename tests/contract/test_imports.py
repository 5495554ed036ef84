"""What is imported when: naming without torch, packages one way, nothing that is not used."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGES = sorted(path.parent for path in Path(__file__).parents[2].glob("packages/*/pyproject.toml"))
HEAVY = ["torch", "numpy", "PIL.Image", "huggingface_hub", "safetensors", "tqdm", "av"]

OF_TASKS = {"zoo_classification", "zoo_segmentation", "zoo_detection", "zoo_video", "zoo_flow"}


def modules_after(code: str) -> set[str]:
    """Return which modules a fresh Python has imported after running `code`."""
    script = f"{code}\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def heavy_after(code: str) -> set[str]:
    return modules_after(code) & set(HEAVY)


def imports_of_others(package: Path) -> set[str]:
    """Return the full names of what a package imports from other packages of zoo: "zoo_core.files.resolve"."""
    imported = set()
    for path in (*package.glob("src/**/*.py"), *package.glob("src/**/*.pyi")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
    for path in package.glob("src/*/names.json"):  # imported when a name is used
        imported |= {source for sources in json.loads(path.read_text())["modules"].values() for source in sources}
    own = package.name.replace("-", "_")
    return {name for name in imported if name.startswith("zoo_") and name.partition(".")[0] != own}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_packages_import_only_the_packages_that_they_require(package):
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    required = " ".join(sum(project.get("optional-dependencies", {}).values(), project["dependencies"]))
    imported = {name.partition(".")[0] for name in imports_of_others(package)}
    if package.name in {"zoo-evaluation", "zoo-training", "zoo-export"}:
        imported -= OF_TASKS  # by what is theirs alone, their `tasks` and `programs`: import-linter holds that
    assert imported == set(re.findall(r"zoo_\w+", required.replace("-", "_")))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_packages_import_nothing_private_of_another(package):
    private = {name for name in imports_of_others(package) if re.search(r"\._(?!_)", name)}
    assert private == set()


@pytest.mark.parametrize(
    "code",
    [
        "import zoo_core, zoo_classification, zoo_detection, zoo_digits, zoo_flow, zoo_segmentation, zoo_video, "
        "zoo_evaluation, zoo_export",
        "import zoo_torchvision; zoo_torchvision.install(); import torchvision.models.detection, torchvision.ops.boxes",
        "from zoo_torchvision.migrate import migrate_source as m; assert m('import torchvision').left",
        "from zoo_core import list_models; assert list_models()",
        "from zoo_core import get_weight; assert get_weight('ResNet50_Weights.DEFAULT').meta['categories']",
        "from zoo_core import get_weight; assert get_weight('ResNet50_Weights.DEFAULT').url",
        "from zoo_core import get_weight; assert get_weight('FCN_ResNet50_Weights.DEFAULT').meta['categories']",
        "from zoo_core import get_weight; assert get_weight('ResNet50_Weights.DEFAULT').transforms",
        "from zoo_core import get_model_weights; assert list(get_model_weights('resnet50'))",
        "from zoo_core import get_weight as w; assert w('ResNet50_QuantizedWeights.DEFAULT').meta['unquantized'].url",
        "from zoo_classification import ResNet50_Weights as W; assert str(W.DEFAULT)",
        "from zoo_core._registry import task_of; assert task_of('raft_small').media == 'image pairs'",
        "from zoo_evaluation import get_protocol, list_protocols; assert [get_protocol(n) for n in list_protocols()]",
        "from zoo_evaluation import EvaluationJob as J; assert J(model='resnet50', dataset='.').subject.categories",
        "from zoo_evaluation import Record; assert Record.from_json",
        "import zoo_training",
        "from zoo_training import Recipe, learning_rate, read_recipe; assert Recipe().but(lr=0.1)",
        "from zoo_core import get_weight\nfrom zoo_core.files import resolve\n"
        "assert resolve(get_weight('ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT').file).path.exists()",
    ],
)
def test_naming_describing_and_resolving_import_nothing_heavy(code):
    assert heavy_after(code) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["list", "--weights", "--sort", "acc@1"],
        ["info", "resnet50"],
        ["info", "ResNet50_Weights"],
        ["download", "shufflenet_v2_x0_5_digits"],
        ["cache", "ls"],
        ["predict", "--help"],
        ["embed", "--help"],
        ["lock", "resnet18"],
        ["mirror", "verify", "--help"],
        ["bundle", "create", "--help"],
    ],
    ids=" ".join,
)
def test_commands_that_do_not_compute_import_nothing_heavy(arguments):
    assert heavy_after(f"from zoo_core.cli import main; main({arguments!r}, standalone_mode=False)") == set()


@pytest.mark.parametrize("arguments", [["--list"], ["--help"], ["--list", "--json"]], ids=" ".join)
def test_listing_protocols_imports_nothing_heavy(arguments):
    code = f"from zoo_evaluation.cli.evaluate import command; command({arguments!r}, standalone_mode=False)"
    assert heavy_after(code) == set()


@pytest.mark.parametrize("arguments", [["--list"], ["--help"], ["--list", "--json"]], ids=" ".join)
def test_listing_formats_of_export_imports_nothing_heavy(arguments):
    code = f"from zoo_export.cli.export import command; command({arguments!r}, standalone_mode=False)"
    libraries = {"executorch", "nncf", "onnx", "onnxruntime", "onnxscript", "openvino", "torchao"}
    assert modules_after(code) & {*HEAVY, *libraries} == set()


@pytest.mark.parametrize("code", ["list_models()", "list_weights"])
def test_listing_models_imports_no_enum(code):
    modules = modules_after(f"import zoo_core; zoo_core.{code}")
    assert {name for name in modules if name.startswith("zoo_")} <= {
        "zoo_core", "zoo_core._built_in", "zoo_core._catalogue", "zoo_core._choose", "zoo_core._entry_points",
        "zoo_core.names", "zoo_core._packages", "zoo_core._registered", "zoo_core._registry", "zoo_core._resources",
        "zoo_core.errors", "zoo_core.stubs", "zoo_digits",
    }  # fmt: skip


@pytest.mark.parametrize("options", [[], ["--weights"], ["--task", "detection", "--sort", "box_map"]], ids=" ".join)
def test_the_command_list_imports_no_enum_and_no_other_command(options):
    modules = modules_after(f"from zoo_core.cli import main; main({['list', *options]!r}, standalone_mode=False)")
    assert not {name for name in modules if ".catalogue" in name}
    assert {name for name in modules if name.startswith("zoo_core.cli.")} == {
        f"zoo_core.cli.{name}"
        for name in ("_common", "_completion", "_groups", "_list", "_main", "_tables", "_terminal")
    }
    slow = {"dataclasses", "pathlib", "importlib.metadata"}  # each takes as long as the registry
    assert not (modules - modules_after("")) & slow


@pytest.mark.parametrize(
    "build",
    [
        "zoo_classification.resnet18()",
        "zoo_classification.swin_t()",
        "zoo_classification.quantization.resnet18(quantize=True)",
        "zoo_segmentation.lraspp_mobilenet_v3_large(weights_backbone=None)",
        "zoo_detection.fasterrcnn_mobilenet_v3_large_320_fpn(weights_backbone=None)",
        "zoo_video.r3d_18()",
        "zoo_flow.raft_small()",
        "zoo_digits.shufflenet_v2_x0_5_digits()",
    ],
)
def test_building_one_model_imports_no_compiler_and_nothing_else_heavy(build):
    modules = modules_after(f"import {build.rpartition('.')[0]}; {build}")
    by_torch = modules_after("import torch; torch.zeros(1, device='meta')")  # in 2.6, that imports sympy
    assert (modules - by_torch) & {"torch._dynamo", "sympy", *HEAVY} == set()


def test_building_one_model_imports_its_family_alone():
    modules = modules_after("import zoo_classification; zoo_classification.resnet18()")
    families = {name for name in modules if name.startswith("zoo_classification._")}
    assert families == {"zoo_classification._resnet"}
