"""The blocks of GoogLeNet whose names other families use, too."""

from zoo_classification._googlenet import BasicConv2d, InceptionAux

__all__ = ["BasicConv2d", "InceptionAux"]
