"""What type checkers know of builders: the network, and the enums of its weights."""

import subprocess
import sys
from pathlib import Path

PACKAGES = Path(__file__).parents[3] / "packages"
SCRIPT = """
from typing import assert_type

from zoo_classification import ResNet, ResNet18_Weights, ResNet50_Weights, resnet50
from zoo_classification import quantization
from zoo_classification.quantization import QuantizableResNet, ResNet18_QuantizedWeights
from zoo_detection import FasterRCNN, FasterRCNN_ResNet50_FPN_Weights, fasterrcnn_resnet50_fpn
from zoo_video import R3D_18_Weights, VideoResNet, r3d_18

assert_type(resnet50(), ResNet)
assert_type(resnet50(weights=ResNet50_Weights.IMAGENET1K_V1, progress=False, num_classes=10), ResNet)
assert_type(resnet50(weights="DEFAULT", replace_stride_with_dilation=[False, True, True]), ResNet)
resnet50(weights=3)  # error
resnet50(weights=ResNet18_Weights.DEFAULT)  # error
resnet50(progress="no")  # error

assert_type(quantization.resnet18(weights=ResNet18_QuantizedWeights.DEFAULT, quantize=True), QuantizableResNet)
assert_type(quantization.resnet18(weights=ResNet18_Weights.DEFAULT), QuantizableResNet)
quantization.resnet18(weights=ResNet50_Weights.DEFAULT)  # error

assert_type(r3d_18(weights=R3D_18_Weights.DEFAULT), VideoResNet)
r3d_18(weights=ResNet18_Weights.DEFAULT)  # error

assert_type(fasterrcnn_resnet50_fpn(weights=FasterRCNN_ResNet50_FPN_Weights.DEFAULT), FasterRCNN)
assert_type(fasterrcnn_resnet50_fpn(weights_backbone=ResNet50_Weights.DEFAULT), FasterRCNN)
fasterrcnn_resnet50_fpn(weights=ResNet50_Weights.DEFAULT)  # error
fasterrcnn_resnet50_fpn(weights_backbone=ResNet18_Weights.DEFAULT)  # error
"""


def test_builders_are_typed_as_their_networks_and_take_the_weights_of_their_enums_only(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    monkeypatch.setenv("MYPYPATH", ":".join(map(str, PACKAGES.glob("*/src"))))
    options = ["--strict", "--follow-imports=silent", "--no-error-summary", f"--cache-dir={tmp_path / 'cache'}"]
    options += ["--no-site-packages", "--ignore-missing-imports"]  # reading torch takes ten times as long as all else
    call = [sys.executable, "-m", "mypy", *options, script.name]
    found = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = {int(line.split(":")[1]) for line in found.stdout.splitlines() if ": error:" in line}
    expected = {number for number, line in enumerate(SCRIPT.splitlines(), 1) if line.endswith("# error")}
    assert lines == expected, found.stdout + found.stderr
