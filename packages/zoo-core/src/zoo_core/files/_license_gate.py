"""Refuses files whose licence is not among those that `ZOO_LICENSES` allows."""

from zoo_core.errors import LicenseRefusedError

from ._licenses import UNKNOWN
from ._settings import Settings
from .store._weights_file import WeightsFile


def require_allowed(file: WeightsFile, settings: Settings) -> None:
    """Raise a `LicenseRefusedError` for a file of a licence that is not allowed here."""
    if not settings.licenses or file.license.lower() in {allowed.lower() for allowed in settings.licenses}:
        return
    allowed = ",".join(settings.licenses)
    details = f" ({file.license_details})" if file.license_details else ""
    found = "no licence is known" if file.license == UNKNOWN else f"the licence is {file.license}"
    raise LicenseRefusedError(
        f"{file.entry} is not loaded: {found}{details}, and ZOO_LICENSES allows {allowed} only. "
        f"Choose other weights, as `zoo list --weights --license {allowed}` shows them; or, where you have looked "
        f"and may use these, add {file.license} to ZOO_LICENSES."
    )
