"""The blocks of Inception v3 whose names other families use, too."""

from zoo_classification._googlenet import BasicConv2d
from zoo_classification._inception import InceptionAux

__all__ = ["BasicConv2d", "InceptionAux"]
