"""The operators that detection models are made of, in plain PyTorch, under the names that users of torchvision know.

Boxes are `(x1, y1, x2, y2)` in pixels, with `x1 <= x2` and `y1 <= y2`, unless a function says otherwise.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
