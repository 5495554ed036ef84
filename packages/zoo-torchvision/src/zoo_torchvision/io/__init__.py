"""What `torchvision.io` finds: images by Pillow and videos by PyAV, as tensors."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
