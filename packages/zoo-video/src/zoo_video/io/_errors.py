"""What goes wrong with videos."""

from zoo_core.errors import MediaError


class VideoError(MediaError):
    """A file is no video, has none inside, or cannot be decoded at all. The message names the file and says why."""


class VideoWarning(UserWarning):
    """A video was read as far as it could be, or not as its file says. The message names the file and says why."""
