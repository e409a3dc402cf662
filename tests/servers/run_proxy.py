"""A bad server: forwards to a good one and misbehaves in one way; prints its port.

careless    drops If-None-Match, so that it overwrites what should be created once
unable      answers 501 to conditional writes
denying     answers 403 to everything
forgetful   does what the first PUT of each object asks, then hangs up without an answer
busy        answers 503 to the first request for each object
page        answers 200 with a page of HTML to everything
"""

import sys
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message></Error>"
_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


class Proxy(BaseHTTPRequestHandler):
    """One request, answered in the manner ``manner``."""

    protocol_version = "HTTP/1.1"
    manner: str
    upstream: int
    seen: set[tuple[str, str]]
    lock = threading.Lock()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        with self.lock:
            first = (self.command, path) not in self.seen
            self.seen.add((self.command, path))
        conditional = "If-None-Match" in self.headers
        if self.manner == "denying":
            secret = self.headers.get("Authorization", "")
            self.send(403, _ERROR.format("SignatureDoesNotMatch", f"you sent {secret}").encode())
        elif self.manner == "page":
            self.send(200, b"<html><body>Welcome to the portal</body></html>")
        elif self.manner == "unable" and conditional:
            self.send(501, _ERROR.format("NotImplemented", "no such header").encode())
        elif self.manner == "busy" and first:
            self.send(503, _ERROR.format("SlowDown", "reduce your request rate").encode())
        elif self.manner == "conflicting" and conditional and first:
            self.send(409, _ERROR.format("ConditionalRequestConflict", "try again").encode())
        else:
            self.forward(body, first)

    def forward(self, body: bytes, first: bool) -> None:
        kept = {
            name: value
            for name, value in self.headers.items()
            if not (self.manner == "careless" and name.lower() == "if-none-match")
        }
        connection = HTTPConnection("127.0.0.1", self.upstream)
        connection.request(self.command, self.path, body, kept)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        if self.manner == "forgetful" and first and self.command == "PUT":
            self.close_connection = True
            return
        headers = {k: v for k, v in response.getheaders() if k.lower() not in _HOP}
        length = response.headers.get("Content-Length") if self.command == "HEAD" else len(data)
        if self.manner == "tearing" and first and self.command == "GET":
            data, self.close_connection = data[: len(data) // 2], True
        self.send(response.status, data, {**headers, "Content-Length": str(length or 0)})

    def send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


Proxy.manner, Proxy.upstream, Proxy.seen = sys.argv[1], int(sys.argv[2]), set()
server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
server.daemon_threads = True
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
