"""A small trained model for handwritten digits, its weights inside the package.

It works without any download, and is the complete example of a package of one's own: the registry finds it by its
entry point in the group `zoo.packages`.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
