"""User names and passwords in addresses: sent to the server that they are for, and shown nowhere."""

import base64
import re
from urllib.parse import unquote, urlsplit


def split_credentials(url: str) -> tuple[str, str]:
    """Return a URL without `user:password@`, and that, still quoted.

    Example:
        >>> from zoo_core.files.transfer._credentials import split_credentials
        >>> split_credentials("https://user:password@host/folder/")
        ('https://host/folder/', 'user:password')
    """
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    credentials, _, host = authority.rpartition("@")
    return f"{scheme}{separator}{host}{slash}{path}", credentials


def label_of(url: str) -> str:
    """Return what a web address is called: without credentials, also where it is no address that can be asked.

    Example:
        >>> from zoo_core.files.transfer._credentials import label_of
        >>> label_of("https://user:pass/word@host/folder/")
        'https://…@host/folder/'
    """
    known, _ = split_credentials(url)
    if is_server(known):
        return known
    scheme, separator, rest = known.partition("://")
    host, colon, _ = rest.partition(":")
    return without_credentials(url) if "@" in rest else f"{scheme}{separator}{host}{colon and ':…'}"


def is_server(url: str) -> bool:
    """Tell whether an address names a host, and a port that is a number where it names one."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        return False


def without_credentials(text: str) -> str:
    """Return an address that may be misspelt as it may be shown: nothing before the last `@` but how it begins.

    Example:
        >>> from zoo_core.files.transfer._credentials import without_credentials
        >>> without_credentials("htps:/user:password@host/folder/")
        'htps:/…@host/folder/'
    """
    beginning, secret, rest = _split_misspelt(text)
    return f"{beginning}…@{rest}" if secret else text


def basic_authorization(credentials: str) -> dict[str, str]:
    """Return the header that tells a server who asks; none without credentials."""
    encoded = base64.b64encode(unquote(credentials).encode()).decode()
    return {"Authorization": f"Basic {encoded}"} if credentials else {}


def may_have_credentials(text: str) -> bool:
    """Tell whether a text that is no URL looks like a misspelt one with a password, and not like a path."""
    if re.match(r"/(?!/)|\.|~|[A-Za-z]:[\\/]", text):
        return False
    beginning, secret, _ = _split_misspelt(text)
    return bool(secret) and bool(re.search(r":|//", beginning + secret))


def _split_misspelt(text: str) -> tuple[str, str, str]:
    """Return how an address begins (its scheme, however spelt), what comes before the last `@`, and the rest."""
    secret, at, rest = text.rpartition("@")
    if not at:
        return text, "", ""
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*\s*[:;]?\s*/+|[A-Za-z]{2,6}:(?=[^@]*:)|/+", secret)
    beginning = scheme[0] if scheme else ""
    return beginning, secret[len(beginning) :] or "…", rest
