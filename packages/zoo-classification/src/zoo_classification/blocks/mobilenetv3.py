"""The blocks of MobileNetV3 whose names other families use, too."""

from zoo_classification._mobilenetv3 import InvertedResidual

__all__ = ["InvertedResidual"]
