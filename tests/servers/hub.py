"""A hub of checkpoints on the loopback, with as much of its protocol as its client asks for."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.servers.loopback import Handler, LoopbackServer
from varifactory.models import checkpoints

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


class _Hub(Handler):
    owner: "HubServer"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        ill = self.owner.ill
        self.owner.requests.append(f"{self.command} {self.path}")
        time.sleep(ill.delay)
        try:
            if ill.status:
                self.send(ill.status, ill.body, ill.headers)
            else:
                self.route(unquote(urlsplit(self.path).path).strip("/"))
        except (BrokenPipeError, ConnectionResetError):
            pass  # a client that waited too long has hung up

    def route(self, path: str) -> None:
        api = path.startswith("api/models/")
        parts = path.removeprefix("api/models/").split("/")
        repo = self.owner.repos.get("/".join(parts[:2]))
        if repo is None or (repo.token and not repo.gated and not self.reads(repo)):
            self.refuse(401, "RepoNotFound")  # so says the real one to strangers
        elif parts[3] not in (*repo.refs, repo.commit):
            self.refuse(404, "RevisionNotFound")
        elif api and parts[2] == "tree":
            self.tell([self.listed(*file) for file in repo.files.items()])
        elif api:
            self.tell({"id": "/".join(parts[:2]), "sha": repo.commit})
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
            tag = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
            self.send(200, data, tag | commit, self.owner.ill.cut or None)

    def tell(self, answer: Any) -> None:
        self.send(200, json.dumps(answer).encode(), {})

    def refuse(self, status: int, code: str, **headers: str) -> None:
        self.send(status, b"", {"X-Error-Code": code, **headers})


class HubServer(LoopbackServer):
    """Serves ``repos`` by name; ``ill`` makes it answer otherwise; keeps what it was asked."""

    def __init__(self, **repos: Repo) -> None:
        self.repos = {name.replace("__", "/"): repo for name, repo in repos.items()}
        self.ill = Illness()
        self.requests: list[str] = []
        super().__init__(_Hub)


@contextmanager
def client_of(monkeypatch: pytest.MonkeyPatch, cache: Path, **repos: Repo) -> Iterator[HubServer]:
    """A running hub, and the real client pointed at it, with an empty cache and no token."""
    from huggingface_hub import constants

    with HubServer(**repos).running() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        files = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        checkpoints._commit.cache_clear()
        yield server
    checkpoints._commit.cache_clear()
