"""The error of images."""

from zoo_core.errors import MediaError


class ImageError(MediaError):
    """A file is not an image, is damaged, or is larger than the limit. The message names the file and says why."""
