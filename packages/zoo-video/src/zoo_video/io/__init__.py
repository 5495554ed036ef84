"""Reading videos: streams, time ranges, single frames and clips, as uint8 tensors with timestamps. Decoded by PyAV."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
