"""Answers over HTTP, from the beginning or resumed; what goes wrong, statuses such as 403 too, as `SourceError`.

The standard library's HTTP is imported when something is asked: a file that is here already does without it.
"""

import contextlib
import re
import string
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote

from zoo_core.errors import AbsentError, BrokenOffError, SourceError

from ._credentials import basic_authorization, split_credentials

if TYPE_CHECKING:
    from email.message import Message
    from urllib.request import Request

    from ._connections import PacedResponse

TIMEOUT = 20.0
"""Seconds without a byte, or without a whole head of an answer, after which a server is given up."""

CONNECT_TIMEOUT = 5.0
"""Seconds to find a server's addresses and to be accepted at one of them: a server that is not there must not hold up
the next source."""

ANSWER_TIMEOUT = 5.0
"""Seconds that a server has to answer the first question; then it is passed over."""

DOCUMENT_TIMEOUT = 60.0
"""Seconds that a manifest or a listing may take from its first byte to its last."""

SLOWEST = 8 << 10
"""Bytes of contents a second, over each `TIMEOUT` seconds of waiting, below which a server is given up as well."""

_BLOCK = 2 << 20
"""Bytes that are read at once, at most: fewer cost more time in passing them to the thread that hashes them."""

_FOR_A_MOMENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The statuses that mean: ask again later."""
_BUSY = frozenset({429, 503})
_ABSENT = frozenset({403, 404, 410})
_LONGEST_WAIT = 1e11
"""Seconds; who asks to come back later than that might as well say never."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is.

    Args:
        url: What is asked.
        key: What names the file also when `url`, which may be signed for the moment, changes; by default the URL.
        headers: Sent along, to this server only: a redirect to another does not take them with it.
    """

    url: str
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The key, or the URL, without a password."""
        return split_credentials(self.key or self.url)[0]


@dataclass(frozen=True, slots=True)
class Download:
    """An answer whose body is about to be read: it begins at `start` of a file of `size` bytes, where announced.

    The validator is the strong ETag, else the date, of this version of the file, if there is one.
    """

    blocks: Iterator[bytes]
    size: int | None
    start: int = 0
    validator: str | None = None
    link: str = ""
    """The header that says where the next page is."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer, and where its body is: at the URL that was asked in the end, or at another server's."""

    url: str
    headers: "Message"


def status_error(error: HTTPError) -> SourceError:
    """Return the error for an answer with an error status."""
    kind = AbsentError if error.code in _ABSENT else SourceError
    return answered_with(f"HTTP {error.code} {shown(error.reason)}".rstrip(), error.code, error.headers, kind)


@contextmanager
def open_download(
    address: Address,
    *,
    start: int = 0,
    validator: str | None = None,
    timeout: float | None = None,
    within: float | None = None,
    refusal: Callable[[HTTPError], SourceError] = status_error,
) -> Iterator[Download]:
    """Ask for a file and give its body.

    Args:
        address: Where it is.
        start: Where to begin; taken into account only with `validator`, and only if the server can.
        validator: Of the version whose first bytes are here. The server answers with the whole of another version.
        timeout: Seconds without a byte, or without a whole head, after which the server is given up; by default
            `TIMEOUT`.
        within: Seconds that the body may take in all; by default, as long as it comes at the least rate.
        refusal: What an error status means there.

    Raises:
        SourceError: No connection, an error status, a web page in place of the file, or a stall; the text says which.
    """
    timeout = TIMEOUT if timeout is None else timeout
    asked = (start, validator) if start and validator else (0, None)
    response = _ask(address, timeout, *asked, refusal=refusal)
    with response:
        with _explained():
            if response.headers.get_content_type() == "text/html":
                raise SourceError("answered with a web page in place of the file (a login or proxy page?)")
            first, size = _extent(response)
        response.pace.begin_body(timeout, window=TIMEOUT, rate=SLOWEST, within=within)
        yield Download(_blocks(response), size, first, _validator(response.headers), response.headers.get("Link", ""))


def ask_head(
    address: Address,
    *,
    timeout: float,
    stays: bool = False,
    refusal: Callable[[HTTPError], SourceError] = status_error,
) -> Head:
    """Ask for the head of a file. Fails as `open_download` does.

    Args:
        address: Where it is.
        timeout: Seconds that the server has to answer.
        stays: A redirect to another server is the answer; it is not followed.
        refusal: What an error status means there.
    """
    with _explained(refusal):
        head, response = _open(_request(address, "HEAD"), timeout, stays=stays)
    if response is not None:
        response.close()
    return head


def announced_size(headers: "Message") -> int | None:
    """Return the size that the headers of a whole file announce, if they do.

    Raises:
        SourceError: They announce two.
    """
    lengths = {length.strip() for value in headers.get_all("Content-Length", []) for length in value.split(",")}
    if len(lengths) > 1:
        raise SourceError(f"announces different sizes: {shown(', '.join(sorted(lengths)))}")
    length = "".join(lengths)
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None


def shown(text: object, length: int = 200) -> str:
    """Return what a server says as it may be shown: one short line, without anything that commands a terminal."""
    line = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return " ".join(line.split())[:length]


def beginning(blocks: Iterable[bytes], length: int) -> bytes:
    """Return so many bytes of a stream, or all where it is shorter."""
    content = b""
    for block in blocks:
        content += block
        if len(content) >= length:
            break
    return content[:length]


@cache
def user_agent() -> str:
    """Return what zoo calls itself to servers."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"zoo/{version('zoo-core')}"
    except PackageNotFoundError:
        return "zoo"


@contextmanager
def _explained(refusal: Callable[[HTTPError], SourceError] = status_error) -> Iterator[None]:
    """Turn what goes wrong on the network into a `SourceError` with a reason that people understand."""
    from http.client import HTTPException, IncompleteRead

    from ._certificates import untrusted

    try:
        yield
    except SourceError:
        raise
    except HTTPError as error:
        with error:
            raise refusal(error) from None
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise SourceError("cannot be reached: no answer") from None
        raise SourceError(untrusted(error.reason) or f"cannot be reached: {shown(error.reason)}") from None
    except TimeoutError:
        raise SourceError("no byte came for too long", is_temporary=True) from None
    except IncompleteRead as error:
        raise BrokenOffError(f"the transfer broke off: {error}") from None
    except HTTPException as error:
        raise SourceError(f"answered with something that is not HTTP: {shown(repr(error))}") from None
    except OSError as error:
        raise BrokenOffError(f"the connection broke: {error}") from None
    except Exception as error:  # noqa: BLE001 # the library has no error of its own for much of what a server may say
        raise SourceError(f"answered with something that cannot be understood: {shown(repr(error))}") from None


def _ask(
    address: Address,
    timeout: float,
    start: int = 0,
    validator: str | None = None,
    *,
    refusal: Callable[[HTTPError], SourceError] = status_error,
) -> "PacedResponse":
    """Ask for a file, or for what follows `start` if it is still the same version."""
    request = _request(address)
    if validator is not None:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", validator)
    with _explained(refusal):
        try:
            response = cast("PacedResponse", _open(request, timeout)[1])
        except HTTPError as error:
            if validator is None or error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            error.close()
            return _ask(address, timeout, refusal=refusal)
    if response.status == HTTPStatus.PARTIAL_CONTENT and not _continues(response, start, validator):
        response.close()
        if validator is None:
            raise SourceError("answered with a part of the file, which was not asked for")
        return _ask(address, timeout, refusal=refusal)
    return response


def _open(request: "Request", timeout: float, *, stays: bool = False) -> "tuple[Head, PacedResponse | None]":
    """Send a question, also to where redirects lead; all heads together have so many seconds."""
    from ._connections import opener
    from ._redirects import REDIRECTS, STATUSES, redirected, same_server, target_of

    ends, asked = time.monotonic() + timeout, {request.full_url}
    while True:
        try:
            response = opener(min(CONNECT_TIMEOUT, TIMEOUT)).open(
                request, timeout=max(min(timeout, ends - time.monotonic()), 0.001)
            )
        except HTTPError as error:
            if error.code not in STATUSES:
                raise
            error.close()  # its body is not read: it may never end
            status, headers, url = error.code, error.headers, request.full_url
            target = target_of(url, status, headers.get("Location"))
            if stays and not same_server(url, target):
                return Head(target, headers), None
            if target in asked:
                raise SourceError(f"HTTP {status}: redirects in a circle", status=status) from None
            if len(asked) > REDIRECTS:
                raise SourceError(f"HTTP {status}: redirects more than {REDIRECTS} times", status=status) from None
            asked.add(target)
            request = redirected(request, target)
        else:
            return Head(request.full_url, response.headers), cast("PacedResponse", response)


def _request(address: Address, method: str = "GET") -> "Request":
    from urllib.request import Request

    address_url, credentials = split_credentials(address.url)
    url = quote(address_url, safe=string.punctuation)  # what people write, to what may be sent
    headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity"}
    try:
        request = Request(url, method=method, headers=headers)  # noqa: S310 # only http(s) gets here
    except ValueError as error:
        raise SourceError(f"is not a URL that can be asked: {error}") from None
    for name, value in (basic_authorization(credentials) | dict(address.headers)).items():
        request.add_unredirected_header(name, value)
    return request


def _continues(response: "PacedResponse", start: int, validator: str | None) -> bool:
    """Tell whether a partial answer is what follows `start`, of the same version."""
    return validator is not None and _extent(response)[0] == start and _validator(response.headers) in {validator, None}


def _extent(response: "PacedResponse") -> tuple[int, int | None]:
    """Return where in the file the body begins (-1 if that is not said), and the size of the whole."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        number = "([0-9]{1,18})"
        said = re.fullmatch(rf"bytes {number}-{number}/(?:{number}|\*)", response.headers.get("Content-Range", ""))
        if said is None or not int(said[1]) <= int(said[2]) < int(said[3] or 10**18):
            return -1, None
        return int(said[1]), int(said[3]) if said[3] else None
    return 0, announced_size(response.headers)


def _validator(headers: Any) -> str | None:  # as urllib gives them
    etag = headers.get("ETag", "")
    if re.fullmatch(r'"[\x21\x23-\x7e]+"', etag):  # a weak one, W/"…", promises no equal bytes
        return str(etag)
    date = headers.get("Last-Modified")
    return str(date) if date and "\n" not in date else None


def answered_with(reason: str, status: int, headers: Any, kind: type[SourceError]) -> SourceError:
    """Return the error for a status, with the headers of any HTTP library: they may say when to come back."""
    wait = _retry_after(headers.get("Retry-After") if headers else None)
    asks = "" if wait is None else f"; it asks to come back in {wait:.0f} s"
    return kind(
        f"{reason}{asks}",
        is_temporary=status in _FOR_A_MOMENT,
        retry_after=wait,
        is_busy=status in _BUSY,
        status=status,
    )


def _retry_after(text: str | None) -> float | None:
    """Return the seconds that a header `Retry-After` asks for, as a number or as a date; `None` for anything else."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]+", text.strip()):
        return min(float(text), _LONGEST_WAIT)
    from email.utils import parsedate_to_datetime

    with contextlib.suppress(ValueError, TypeError, LookupError, ArithmeticError, OSError):  # what it says of dates
        wait = parsedate_to_datetime(text).timestamp() - time.time()
        return min(max(0.0, wait), _LONGEST_WAIT)
    return None


def _blocks(response: "PacedResponse") -> Iterator[bytes]:
    pace = response.pace
    while True:
        pace.ask()
        with _explained():
            block = response.read1(_BLOCK)
        if not block:
            return
        pace.got(len(block))
        yield block
