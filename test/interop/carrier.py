"""HTTP as the reference speaks it: a threading HTTP/1.0 server that closes after each answer, and
a client that opens a connection per message with the headers of python-requests.

Redirects and proxies are not imitated.
"""

from __future__ import annotations

import gzip
import select
import socketserver
import time
import zlib
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable
from urllib.parse import urlsplit

from wire import PING, TYPE_OF_PATH

# Status and body for a body that came to a path of the protocol: (path, body, source IP).
Respond = Callable[[str, bytes, str], "tuple[int, bytes]"]
# Told of each request answered: (path, source IP, status).
OnRequest = Callable[[str, str, int], None]


@dataclass
class Manners:
    """How the server misbehaves, on command."""

    silent: bool = False
    drip_seconds: float = 0
    drip_head: bool = False
    ping_status: int | None = None


class Server(ThreadingHTTPServer):
    """Listen backlog 5 and daemon threads are the defaults of its base classes, kept on purpose."""

    def __init__(
        self, address: tuple[str, int], manners: Manners, respond: Respond, on_request: OnRequest
    ):
        self.manners = manners
        self.respond = respond
        self.on_request = on_request
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # Without the name lookup of HTTPServer, which can take seconds on a machine without DNS.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A handler that raised: the connection closes without an answer."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def handle(self) -> None:
        if self.server.manners.silent:
            self._hold()
        else:
            super().handle()

    def do_POST(self) -> None:
        kind = TYPE_OF_PATH.get(self.path)
        if kind is None:
            return self._answer(404, b"")
        # A length that is no number raises here, which closes the connection unanswered.
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.manners.silent:
            return self._hold()
        if kind == PING and self.server.manners.ping_status is not None:
            return self._answer(self.server.manners.ping_status, b"")
        self._answer(*self.server.respond(self.path, body, self.client_address[0]))

    def _answer(self, status: int, body: bytes) -> None:
        self.server.on_request(self.path, self.client_address[0], status)
        if self.server.manners.drip_head:
            self.wfile = Drip(self.wfile, self.server.manners)
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body and self.server.manners.drip_seconds > 0 and not isinstance(self.wfile, Drip):
            self.wfile = Drip(self.wfile, self.server.manners)
        self.wfile.write(body)

    def _hold(self) -> None:
        """Reads and never answers, until the asker leaves or the server finds its voice."""
        while self.server.manners.silent:
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            if readable and not self.connection.recv(65536):
                return

    def log_message(self, format: str, *args: object) -> None:
        pass


class Drip:
    """Stands in for a handler's output file: one byte at a time."""

    def __init__(self, out: object, manners: Manners):
        self._out = out
        self._manners = manners

    def write(self, data: bytes) -> int:
        for byte in data:
            time.sleep(self._manners.drip_seconds)
            self._out.write(bytes([byte]))
        return len(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._out, name)


def post(
    address: str | None, port: int, path: str, body: bytes, timeout: float, source: str | None
) -> tuple[int, bytes]:
    """One request, one connection. `timeout` is per socket operation, not total.

    The URL is made by joining strings, so an address None asks the host "None", IPv6 without
    brackets fails, and an address may carry a path of its own.
    """
    url = urlsplit(f"http://{address}:{port}{path}")
    if not url.hostname:
        raise ValueError(f"no host in {url.geturl()}")
    bind = (source, 0) if source else None
    connection = HTTPConnection(url.hostname, url.port or 80, timeout, bind)
    try:
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.putrequest("POST", target, skip_accept_encoding=True)
        connection.putheader("User-Agent", "python-requests/2.28.1")
        connection.putheader("Accept-Encoding", "gzip, deflate")
        connection.putheader("Accept", "*/*")
        connection.putheader("Connection", "keep-alive")
        connection.putheader("Content-Type", "application/octet-stream")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        # In parts, because a body cut short of its Content-Length is then accepted.
        answer = b"".join(iter(lambda: response.read(10240), b""))
        return response.status, _decode(response.getheader("Content-Encoding", ""), answer)
    finally:
        connection.close()


def _decode(encoding: str, body: bytes) -> bytes:
    if encoding.lower() in ("gzip", "x-gzip"):
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding.lower() == "deflate" else body
