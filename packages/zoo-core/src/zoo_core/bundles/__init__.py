"""Bundles: weights in one tar archive, for machines that never see a network."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
