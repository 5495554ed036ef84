"""From a folder to a model of one's own: training on plain PyTorch, for the tasks of all zoo packages."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
