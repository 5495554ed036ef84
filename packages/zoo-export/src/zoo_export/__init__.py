"""Export of models with all that belongs to them: preprocessing, classes, results; and the proof that they agree."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
