"""A hub of checkpoints on the loopback, with as much of its protocol as its client asks for."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "5f3d2c1b" * 5


@dataclass
class Repo:
    """One model: its files at one commit, and who may read it."""

    files: dict[str, bytes]
    commit: str = COMMIT
    refs: tuple[str, ...] = ("main",)
    token: str = ""
    """Wanted from its readers; empty: anybody."""
    gated: bool = False
    """Anybody may see what it holds, its readers alone the files."""


@dataclass
class Illness:
    """What the hub does instead of answering."""

    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: int = 0
    """Bytes of a file after which it hangs up; 0: never."""


class HubServer:
    """Serves ``repos`` by name; ``ill`` makes it answer otherwise; keeps what it was asked."""

    def __init__(self, **repos: Repo) -> None:
        self.repos = {name.replace("__", "/"): repo for name, repo in repos.items()}
        self.ill = Illness()
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                """Tests read ``requests`` instead."""

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                hub.requests.append(f"{self.command} {self.path}")
                time.sleep(hub.ill.delay)
                try:
                    if hub.ill.status:
                        self.answer(hub.ill.status, hub.ill.body, **hub.ill.headers)
                    else:
                        self.route(unquote(urlsplit(self.path).path).strip("/"))
                except (BrokenPipeError, ConnectionResetError):
                    pass  # a client that waited too long has hung up

            def route(self, path: str) -> None:
                api = path.startswith("api/models/")
                parts = path.removeprefix("api/models/").split("/")
                repo = hub.repos.get("/".join(parts[:2]))
                if repo is None:
                    self.refuse(401, "RepoNotFound")  # so says the real one to strangers
                elif repo.token and not repo.gated and not self.reads(repo):
                    self.refuse(401, "RepoNotFound")
                elif parts[3] not in (*repo.refs, repo.commit):
                    self.refuse(404, "RevisionNotFound")
                elif api and parts[2] == "tree":
                    self.answer(200, json.dumps([self.listed(*f) for f in repo.files.items()]))
                elif api:
                    self.answer(200, json.dumps({"id": "/".join(parts[:2]), "sha": repo.commit}))
                else:
                    self.file(repo, "/".join(parts[4:]))

            def reads(self, repo: Repo) -> bool:
                return self.headers.get("Authorization") == f"Bearer {repo.token}"

            def listed(self, name: str, data: bytes) -> dict[str, Any]:
                oid = hashlib.sha1(data).hexdigest()
                return {"type": "file", "path": name, "size": len(data), "oid": oid}

            def file(self, repo: Repo, name: str) -> None:
                commit = {"X-Repo-Commit": repo.commit}
                if repo.gated and not self.reads(repo):
                    self.refuse(403, "GatedRepo")
                elif name not in repo.files:
                    self.refuse(404, "EntryNotFound", **commit)
                else:
                    data = repo.files[name]
                    self.answer(200, data, ETag=f'"{hashlib.sha1(data).hexdigest()}"', **commit)

            def refuse(self, status: int, code: str, **headers: str) -> None:
                self.answer(status, b"", **{"X-Error-Code": code, **headers})

            def answer(self, status: int, body: bytes | str, **headers: str) -> None:
                data = body.encode() if isinstance(body, str) else body
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    whole = not hub.ill.cut or "resolve" not in self.path
                    self.wfile.write(data if whole else data[: hub.ill.cut])

        return Handler

    @contextmanager
    def running(self) -> Iterator["HubServer"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
