"""What torchvision says of itself at its root."""

from typing import Literal

VERSION = "0.28.0+zoo"
"""The version of torchvision whose names these are; programs compare it with what they need."""

CUDA = None
"""`torchvision.version.cuda`: there are no compiled operators."""


def disable_beta_transforms_warning() -> None:
    """Do nothing: the warning that it turned off is never given."""


def get_image_backend() -> Literal["PIL"]:
    """Return what reads images."""
    return "PIL"


def set_image_backend(backend: str) -> None:
    """Accept Pillow, which is what reads images here.

    Raises:
        ValueError: It is another library.
    """
    if backend != "PIL":
        raise ValueError(f"Images are read by Pillow alone: expected 'PIL', found {backend!r}.")


def get_video_backend() -> Literal["pyav"]:
    """Return what reads videos."""
    return "pyav"


def set_video_backend(backend: str) -> None:
    """Accept PyAV, which is what reads videos here.

    Raises:
        ValueError: It is another library.
    """
    if backend != "pyav":
        raise ValueError(f"Videos are read by PyAV alone: expected 'pyav', found {backend!r}.")
