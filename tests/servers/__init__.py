"""Servers on 127.0.0.1 for tests: a file server and a Hugging Face Hub, both with faults on demand."""

from servers.faults import (
    EVERY_PATH,
    Corrupted,
    Delayed,
    Fault,
    Hanging,
    HtmlPage,
    RangeIgnored,
    RedirectLoop,
    RedirectTo,
    Stalled,
    Status,
    Truncated,
    WrongEtag,
)
from servers.http import FileServer, Server
from servers.hub import HubServer
from servers.messages import RecordedRequest, Request, Response

__all__ = [
    "EVERY_PATH",
    "Corrupted",
    "Delayed",
    "Fault",
    "FileServer",
    "Hanging",
    "HtmlPage",
    "HubServer",
    "RangeIgnored",
    "RecordedRequest",
    "RedirectLoop",
    "RedirectTo",
    "Request",
    "Response",
    "Server",
    "Stalled",
    "Status",
    "Truncated",
    "WrongEtag",
]
