"""Reading videos: streams, time ranges, single frames and clips, as uint8 tensors with timestamps. Decoded by PyAV."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
