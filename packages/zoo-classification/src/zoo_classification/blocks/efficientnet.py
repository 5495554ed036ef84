"""The blocks of EfficientNet whose names other families use, too."""

from zoo_classification._efficientnet import MBConv

__all__ = ["MBConv"]
