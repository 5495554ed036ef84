"""What `torchvision.transforms` finds: the classes that nearly every program composes, on zoo's preprocessing.

Images are PIL images or tensors (..., C, H, W). `functional` has the functions.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
