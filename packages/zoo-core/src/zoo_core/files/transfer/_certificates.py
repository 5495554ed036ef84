"""Which certificates are trusted: those of the system or of `SSL_CERT_FILE`, or the bundle that a company names."""

import os
import ssl
from pathlib import Path

from zoo_core.errors import SourceError

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The variables that name a file, or a folder, of certificates to be trusted instead; the first that is set counts."""


def trusted() -> ssl.SSLContext:
    """Return what connections are checked against. OpenSSL itself reads `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Raises:
        SourceError: A variable names what holds no certificates.
    """
    for name in BUNDLES:
        bundle = os.environ.get(name)
        if bundle:
            try:
                if Path(bundle).is_dir():
                    return ssl.create_default_context(capath=bundle)
                return ssl.create_default_context(cafile=bundle)
            except OSError as error:
                raise SourceError(
                    f"cannot be checked: {name} is {bundle!r}, which cannot be read as certificates ({error})"
                ) from None
    return ssl.create_default_context()


def untrusted(reason: object, advice: str = "SSL_CERT_FILE or REQUESTS_CA_BUNDLE") -> str | None:
    """Return what to say where a server's certificate was refused; `None` for any other reason.

    Args:
        reason: The error.
        advice: Which variables would help.
    """
    error = reason
    while isinstance(error, BaseException) and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    if error is None or not isinstance(error, ssl.SSLCertVerificationError):
        return None
    return (
        f"is not trusted: {error.verify_message}. If a company's proxy answers in its place, name the file of the "
        f"company's certificates in {advice}"
    )
