"""The program that `nox -s packed` makes with PyInstaller: what a program does with zoo, by name alone."""

import sys

import torch

import zoo_core
from zoo_core.files import resolve


def main() -> None:
    assert getattr(sys, "frozen", False), "run by nox -s packed"
    assert len(zoo_core.list_models()) > 100
    assert len(zoo_core.get_weight("ResNet50_Weights.DEFAULT").meta["categories"]) == 1000
    with torch.inference_mode():
        network = zoo_core.get_model("squeezenet1_1").eval()
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)
        digits = zoo_core.get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT").eval()
        assert digits(torch.zeros(1, 3, 64, 64)).shape == (1, 10)
        options = {"weights_backbone": None, "num_classes": 3}
        detector = zoo_core.get_model("fasterrcnn_mobilenet_v3_large_320_fpn", **options).eval()
        assert set(detector([torch.zeros(3, 64, 64)])[0]) == {"boxes", "labels", "scores"}
    found = resolve(zoo_core.get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT").file)
    print(f"zoo works in a packed program; the digits' weights are {found.path}")


if __name__ == "__main__":
    main()
