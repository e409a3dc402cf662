"""A bad server: forwards to a good one and misbehaves in one way; prints its port.

    run_proxy.py MANNER PORT [AFTER SECONDS]

It misbehaves from its AFTERth request on for SECONDS seconds: by default at once and for ever.

careless    drops If-None-Match, so that it overwrites what should be created once
unable      answers 501 to conditional writes
denying     answers 403 to everything
keeping     answers 403 to whoever wants to delete
page        answers 200 with a page of HTML to everything
forgetful   does what the first PUT of each object asks, then hangs up without an answer
conflicting answers 409 to the first conditional write of each object
busy        answers 503 to the first request for each object
tearing     hangs up in the middle of the first answer to a GET of each object
breaking    answers 500 to everything
closed      answers 503 to everything
slow        takes two seconds to answer anything
cutting     hangs up in the middle of every body it is sent, and on the good server likewise
cropping    hangs up in the middle of every answer to a GET
counting    does nothing bad; GET /-/requests answers what was asked since it was asked that
"""

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message></Error>"
_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}
_SLOW = 2.0
_GOOD = "good"
_COUNTED = "/-/requests"
_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER's way to hang up without a word: the other side sees a reset."""


class Proxy(BaseHTTPRequestHandler):
    """One request, answered in the manner ``manner``."""

    protocol_version = "HTTP/1.1"
    manner: str
    upstream: int
    after: int
    seconds: float
    seen: set[tuple[str, str]]
    lock = threading.Lock()
    requests = 0
    asked: list[str]
    ill_since = 0.0

    def answer(self) -> None:
        if self.manner == "counting" and self.counted():
            return
        manner, first = self.noted()
        length = int(self.headers.get("Content-Length") or 0)
        if manner == "cutting" and length:
            self.cut(length)
            return
        body = self.rfile.read(length)
        conditional = "If-None-Match" in self.headers
        if manner == "denying":
            secret = self.headers.get("Authorization", "")
            self.send(403, _ERROR.format("SignatureDoesNotMatch", f"you sent {secret}").encode())
        elif manner == "keeping" and (self.command == "DELETE" or "?delete" in self.path):
            self.send(403, _ERROR.format("AccessDenied", "no right to delete").encode())
        elif manner == "page":
            self.send(200, b"<html><body>Welcome to the portal</body></html>")
        elif manner == "breaking":
            self.send(500, _ERROR.format("InternalError", "something broke").encode())
        elif manner == "unable" and conditional:
            self.send(501, _ERROR.format("NotImplemented", "no such header").encode())
        elif manner == "closed" or (manner == "busy" and first):
            self.send(503, _ERROR.format("SlowDown", "reduce your request rate").encode())
        elif manner == "conflicting" and conditional and first:
            self.send(409, _ERROR.format("ConditionalRequestConflict", "try again").encode())
        else:
            time.sleep(_SLOW if manner == "slow" else 0)
            self.forward(manner, body, first)

    def counted(self) -> bool:
        """Count a request, or answer those since the last time this was asked for."""
        cls = type(self)
        with self.lock:
            if self.path != _COUNTED:
                cls.asked.append(f"{self.command} {self.path}")
                return False
            told, cls.asked = cls.asked, []
        self.send(200, json.dumps(told).encode())
        return True

    def noted(self) -> tuple[str, bool]:
        """How to answer, and whether it is the first such request for the object."""
        cls, asked = type(self), (self.command, self.path.partition("?")[0])
        with self.lock:
            first = asked not in self.seen
            self.seen.add(asked)
            cls.requests += 1
            if cls.requests == self.after + 1:
                cls.ill_since = time.monotonic()
            ill = cls.requests > self.after and time.monotonic() - cls.ill_since < self.seconds
        return (self.manner if ill else _GOOD), first

    def cut(self, length: int) -> None:
        """Pass half of the body on, then hang up on both sides."""
        with closing(socket.create_connection(("127.0.0.1", self.upstream))) as passed:
            head = [f"{self.command} {self.path} HTTP/1.1", *_lines(self.headers.items()), "", ""]
            passed.sendall("\r\n".join(head).encode() + self.rfile.read(length // 2))
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.close_connection = True

    def forward(self, manner: str, body: bytes, first: bool) -> None:
        kept = {
            name: value
            for name, value in self.headers.items()
            if not (manner == "careless" and name.lower() == "if-none-match")
        }
        connection = HTTPConnection("127.0.0.1", self.upstream)
        connection.request(self.command, self.path, body, kept)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        if manner == "forgetful" and first and self.command == "PUT":
            self.close_connection = True
            return
        headers = {k: v for k, v in response.getheaders() if k.lower() not in _HOP}
        length = response.headers.get("Content-Length") if self.command == "HEAD" else len(data)
        torn = manner == "cropping" or (manner == "tearing" and first)
        if torn and self.command == "GET":
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


def _lines(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers]


Proxy.manner, Proxy.upstream, Proxy.seen = sys.argv[1], int(sys.argv[2]), set()
Proxy.asked = []
Proxy.after, Proxy.seconds = (int(sys.argv[3]), float(sys.argv[4])) if sys.argv[3:] else (0, 1e9)
server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
server.daemon_threads = True
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
