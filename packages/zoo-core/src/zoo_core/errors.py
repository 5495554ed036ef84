"""The errors of zoo's own that a caller may want to tell apart. All derive from the built-in error of their kind."""


class CatalogueError(ValueError):
    """A package's data files do not have the form that the registry reads."""


class MediaError(ValueError):
    """A file is not an image or a video, or is damaged. The message names the file and says why."""


class WeightsUnavailableError(OSError):
    """No source had the file of a weights entry. The message lists every source, its reason, and what to do."""


class WrongBytesError(OSError):
    """A file's SHA-256 is not the one that the catalogue states. The file has not been loaded.

    Args:
        message: What was expected, and what was found.
        found: The SHA-256 of the file.
    """

    def __init__(self, message: str, found: str) -> None:
        super().__init__(message)
        self.found = found


class ManifestError(RuntimeError):
    """A manifest or lock file cannot be read, lacks an entry, or contradicts what is known of a file."""


class BundleError(RuntimeError):
    """A bundle is not what it should be, and was refused; or there is nothing to bundle."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read, or does not fit the model it was to be loaded into."""
