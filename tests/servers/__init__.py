"""Servers on 127.0.0.1 for tests: a file server and a Hugging Face Hub, both with faults on demand."""

from servers.faults import (
    EVERY_PATH,
    Corrupted,
    Delayed,
    Fault,
    Hanging,
    Headers,
    HtmlPage,
    RangeIgnored,
    RedirectLoop,
    RedirectTo,
    RedirectToUrl,
    Stalled,
    Status,
    Truncated,
    WrongEtag,
)
from servers.http import FileServer, Server
from servers.hub import HubServer
from servers.messages import RecordedRequest, Request, Response
from servers.raw import RawServer

__all__ = [
    "EVERY_PATH",
    "Corrupted",
    "Delayed",
    "Fault",
    "FileServer",
    "Hanging",
    "Headers",
    "HtmlPage",
    "HubServer",
    "RangeIgnored",
    "RawServer",
    "RecordedRequest",
    "RedirectLoop",
    "RedirectTo",
    "RedirectToUrl",
    "Request",
    "Response",
    "Server",
    "Stalled",
    "Status",
    "Truncated",
    "WrongEtag",
]
