"""What is imported when: naming without torch, packages one way, nothing that is not used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[2] / "packages"
MAY_IMPORT = {
    "zoo_core": set(),
    "zoo_classification": {"zoo_core"},
    "zoo_segmentation": {"zoo_core", "zoo_classification"},
    "zoo_detection": {"zoo_core", "zoo_classification"},
    "zoo_digits": {"zoo_core", "zoo_classification"},
    "zoo_video": {"zoo_core"},
    "zoo_flow": {"zoo_core"},
}
HEAVY = ["torch", "numpy", "PIL.Image", "huggingface_hub", "safetensors", "tqdm", "av"]


def modules_after(code: str) -> set[str]:
    """Return which modules a fresh Python has imported after running `code`."""
    script = f"{code}\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def heavy_after(code: str) -> set[str]:
    return modules_after(code) & set(HEAVY)


@pytest.mark.parametrize("package", sorted(path.name for path in PACKAGES.glob("*/src/*")))
def test_packages_import_one_way(package):
    imported = set()
    for path in PACKAGES.glob(f"*/src/{package}/**/*.py*"):
        if path.suffix in {".py", ".pyi"}:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.level == 0:
                    imported.add(str(node.module).partition(".")[0])
                elif isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
    assert {name for name in imported if name.startswith("zoo_")} - {package} <= MAY_IMPORT[package]


@pytest.mark.parametrize(
    "code",
    [
        "import zoo_core, zoo_classification, zoo_detection, zoo_digits, zoo_flow, zoo_segmentation, zoo_video",
        "from zoo_core import list_models; assert list_models()",
        "from zoo_core import get_weight; assert get_weight('ResNet50_Weights.DEFAULT').meta['categories']",
        "from zoo_core import get_weight; assert get_weight('ResNet50_Weights.DEFAULT').url",
        "from zoo_core import get_weight; assert get_weight('FCN_ResNet50_Weights.DEFAULT').meta['categories']",
        "from zoo_core import get_weight; assert get_weight('ResNet50_Weights.DEFAULT').transforms",
        "from zoo_core import get_model_weights; assert list(get_model_weights('resnet50'))",
        "from zoo_core import get_weight as w; assert w('ResNet50_QuantizedWeights.DEFAULT').meta['unquantized'].url",
        "from zoo_classification import ResNet50_Weights as W; assert str(W.DEFAULT)",
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
        ["lock", "resnet18"],
        ["mirror", "verify", "--help"],
        ["bundle", "create", "--help"],
    ],
    ids=" ".join,
)
def test_commands_that_do_not_compute_import_nothing_heavy(arguments):
    assert heavy_after(f"from zoo_core.cli import main; main({arguments!r}, standalone_mode=False)") == set()


@pytest.mark.parametrize("code", ["list_models()", "list_weights"])
def test_listing_models_imports_no_enum(code):
    modules = modules_after(f"import zoo_core; zoo_core.{code}")
    assert {name for name in modules if name.startswith("zoo_")} <= {
        "zoo_core", "zoo_core._catalogue", "zoo_core._choose", "zoo_core._entry_points", "zoo_core._names",
        "zoo_core._packages", "zoo_core._registry", "zoo_core.errors", "zoo_digits",
    }  # fmt: skip


@pytest.mark.parametrize("options", [[], ["--weights"], ["--task", "detection", "--sort", "box_map"]], ids=" ".join)
def test_the_command_list_imports_no_enum_and_no_other_command(options):
    modules = modules_after(f"from zoo_core.cli import main; main({['list', *options]!r}, standalone_mode=False)")
    assert not {name for name in modules if ".catalogue" in name}
    assert {name for name in modules if name.startswith("zoo_core.cli.")} == {
        f"zoo_core.cli.{name}" for name in ("_common", "_list", "_main")
    }
    assert not modules & {"dataclasses", "pathlib", "importlib.metadata"}  # each takes as long as the registry


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
    assert (modules - modules_after("import torch")) & {"torch._dynamo", "sympy", *HEAVY} == set()


def test_building_one_model_imports_its_family_alone():
    modules = modules_after("import zoo_classification; zoo_classification.resnet18()")
    families = {name for name in modules if name.startswith("zoo_classification._")}
    assert families == {"zoo_classification._resnet"}
