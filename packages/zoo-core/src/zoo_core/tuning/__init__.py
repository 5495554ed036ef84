"""What training on one's own data needs of a network: freezing, groups of parameters, averages of weights."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
