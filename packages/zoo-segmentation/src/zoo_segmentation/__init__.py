"""Semantic segmentation models. Importing this package imports neither torch nor a model: names are resolved on use."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
