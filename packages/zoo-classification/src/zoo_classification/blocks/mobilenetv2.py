"""The blocks of MobileNetV2 whose names other families use, too."""

from zoo_classification._mobilenetv2 import InvertedResidual

__all__ = ["InvertedResidual"]
