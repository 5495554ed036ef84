"""Intermediate activations of any model: which there are, and a model that returns them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
