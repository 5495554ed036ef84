"""Metrics of the field as plain functions on arrays, and how sure one can be of them."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
