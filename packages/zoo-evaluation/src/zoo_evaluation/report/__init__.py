"""Looking at what was measured: one page for a run, made of sections that each task offers.

Sections are data: tables, bars, pictures. This package alone writes HTML, so no text of a file is ever taken for it.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
