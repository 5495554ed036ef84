"""Changes of images by chance: boxes, masks, keypoints, label maps and flow move along."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
