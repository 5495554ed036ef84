"""Pictures as tensors, under the names that users of torchvision know: grids, files, and drawing.

`zoo_core.drawing` draws on PIL images, readable at any size; here every pixel is as the caller says.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
