"""The errors of zoo's own that a caller may want to tell apart. All but `SourceError` derive from a built-in error.

ValueError
├── CatalogueError            a package's data files
├── InputError                what a network or an operator is called with
└── MediaError                an image or a video
OSError
├── WeightsUnavailableError   no source had a file, each for its reason
└── WrongBytesError           a file here has another checksum
RuntimeError
├── LicenseRefusedError       weights are under a licence that is not allowed here
├── ManifestError             a manifest or a lock file
├── BundleError               a bundle
├── CheckpointError           a checkpoint
└── SavedModelError           a folder or repository with a model of one's own
Exception
└── SourceError               one source could not give a file: the next one is asked
    ├── BrokenOffError        a transfer ended too early: it is resumed at once
    ├── AbsentError           it has no such file (HTTP 403, 404 or 410)
    └── NoRepositoryError     a Hub has no such repository, or gives no access to it
"""


class CatalogueError(ValueError):
    """A package's data files do not have the form that the registry reads."""


class InputError(ValueError, RuntimeError, AssertionError):
    """What a network or an operator is called with cannot be computed with, mostly for its shape.

    Programs that were written for torchvision catch its `RuntimeError` or `AssertionError`, which this is, too.
    """


class MediaError(ValueError):
    """A file is not an image or a video, or is damaged. The message names the file and says why."""


class WeightsUnavailableError(OSError):
    """No source had the file of a weights entry. The message lists every source, its reason, and what to do."""

    has_lines = True  # one for each source


class WrongBytesError(OSError):
    """A file's SHA-256 is not the one that the catalogue states. The file has not been loaded.

    Args:
        message: What was expected, and what was found.
        found: The SHA-256 of the file.
    """

    def __init__(self, message: str, found: str) -> None:
        super().__init__(message)
        self.found = found


class LicenseRefusedError(RuntimeError):
    """Weights are under a licence that `ZOO_LICENSES` does not allow. The message says which, and what to do."""


class ManifestError(RuntimeError):
    """A manifest or lock file cannot be read, lacks an entry, or contradicts what is known of a file."""


class BundleError(RuntimeError):
    """A bundle is not what it should be, and was refused; or there is nothing to bundle."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read, or does not fit the model it was to be loaded into."""


class SavedModelError(RuntimeError):
    """A folder or repository with a model of one's own is not what it should be, and nothing of it was loaded."""


class SourceError(Exception):
    """A source could not give a file; the text is the reason.

    Args:
        reason: The text.
        is_temporary: Whether it may work in a moment.
        retry_after: After how many seconds the source wants to be asked again, if it said so.
        is_busy: Whether the source answered that it has too much to do: then asking it again costs no time-out.
        status: The HTTP status that it answered with, if it was one.
    """

    def __init__(
        self,
        reason: str,
        *,
        is_temporary: bool = False,
        retry_after: float | None = None,
        is_busy: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.is_temporary = is_temporary
        self.retry_after = retry_after
        self.is_busy = is_busy
        self.status = status


class BrokenOffError(SourceError):
    """A transfer that had begun ended too early. It may work at once."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, is_temporary=True)


class AbsentError(SourceError):
    """The source works, and has no such file: HTTP 404 or 410, and 403, which object stores say for that."""


class NoRepositoryError(SourceError):
    """A Hub has no such repository, or gives no access to it."""
