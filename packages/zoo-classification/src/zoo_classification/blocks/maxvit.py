"""The blocks of MaxViT whose names other families use, too."""

from zoo_classification._maxvit import MBConv

__all__ = ["MBConv"]
