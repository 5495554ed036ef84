"""The blocks of ShuffleNetV2 whose names other families use, too."""

from zoo_classification._shufflenetv2 import InvertedResidual

__all__ = ["InvertedResidual"]
