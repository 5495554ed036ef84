"""Preprocessing: what turns a picture into the tensor that a model expects.

The presets are the objects that weights name (`weights.transforms()`); the functions are the steps they are made of.
Images are PIL images or tensors (..., C, H, W), batched or not.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
