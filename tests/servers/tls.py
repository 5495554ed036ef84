"""HTTPS for the test servers, with a certificate from an authority that no machine knows.

`certificates/` was made once, valid for a hundred years: `openssl req -x509` the authority, whose key was thrown away,
`openssl x509 -req -CA` the server's certificate for 127.0.0.1, which has its key in the same file.
"""

import ssl
from pathlib import Path

from servers.http import Server

_FOLDER = Path(__file__).parent / "certificates"
AUTHORITY = _FOLDER / "authority.pem"
"""The authority's certificate, which a company would give to its people."""


def over_tls(server: Server) -> str:
    """Let a server, before it is entered, speak HTTPS alone; return its origin."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_FOLDER / "server.pem")
    listener = server._listener
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    return server.url.replace("http://", "https://")
