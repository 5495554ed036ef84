"""Which redirects are followed: to the web alone, from HTTPS to HTTPS alone, a few times, and in no circle."""

from urllib.parse import urljoin, urlsplit
from urllib.request import Request

from zoo_core.errors import SourceError

REDIRECTS = 10
"""How many redirects of one answer are followed."""

STATUSES = frozenset({301, 302, 303, 307, 308})


def target_of(url: str, status: int, location: str | None) -> str:
    """Return where a redirect from `url` leads.

    Raises:
        SourceError: It names no address that may be asked.
    """
    if not location:
        raise SourceError(f"HTTP {status}: redirects without saying where to", status=status)
    try:
        target = urljoin(url, location.strip())
        parts = urlsplit(target)
        _ = parts.port  # a port that is no number is found out when it is asked for
    except ValueError as error:
        raise SourceError(f"HTTP {status}: redirects to what is no URL: {error}", status=status) from None
    secure = urlsplit(url).scheme.lower() == "https"
    if parts.scheme not in ({"https"} if secure else {"http", "https"}) or not parts.hostname:
        kind = f"{parts.scheme[:20]}://" if parts.scheme in {"http", "https"} else repr(parts.scheme[:20])
        allowed = "https://" if secure else "https:// or http://"
        raise SourceError(
            f"HTTP {status}: redirects to {kind}, which is not followed (expected {allowed})", status=status
        )
    return target


def same_server(url: str, other: str) -> bool:
    """Tell whether two URLs are of one server: the same scheme, host and port."""
    return _server(url) == _server(other)


def redirected(request: Request, target: str) -> Request:
    """Return the question to ask at the target: what only the first server may see is sent to no other."""
    kept = {name: value for name, value in request.headers.items() if name.lower() != "proxy-authorization"}
    following = Request(target, method=request.get_method(), headers=kept)  # noqa: S310 # target_of looks at it
    if same_server(request.full_url, target):
        for name, value in request.unredirected_hdrs.items():
            if name.lower() != "host":
                following.add_unredirected_header(name, value)
    return following


def _server(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
