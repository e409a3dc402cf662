"""Who may reach a server: beyond loopback nobody without a password."""

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prefect.settings import PREFECT_SERVER_API_AUTH_STRING, temporary_settings

from flows.serve import ServerError, is_loopback, require_password, settings
from tests.deployments.operated import operated

ROOT = Path(__file__).parents[2]
PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"
SECRET = "team:hush-7f3a"


def status(url: str, authority: str = "") -> int:
    """What the API answers to somebody who names this user and password."""
    coded = base64.b64encode(authority.encode()).decode()
    request = urllib.request.Request(
        f"{url}/flow_runs/filter", b"{}", {"content-type": "application/json"}
    )
    if authority:
        request.add_header("authorization", f"Basic {coded}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return int(refused.code)


def allowed_origin(url: str, origin: str) -> bool:
    """Whether a page of another origin may read what the API answers."""
    request = urllib.request.Request(f"{url}/health", headers={"origin": origin})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers.get("access-control-allow-origin") in (origin, "*")


def test_beyond_loopback_it_does_not_start_without_a_password(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows.serve", "--host", "0.0.0.0", "--port", "1"],
        env={**os.environ, "PREFECT_HOME": str(tmp_path)}, cwd=ROOT,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("ServerError: 0.0.0.0 can be reached from other machines")
    assert f"set {PASSWORD}=user:password" in done.stderr


@pytest.mark.parametrize("half", ["team", ":hush", "team:"])
def test_half_a_password_is_none(half: str) -> None:
    with (
        temporary_settings({PREFECT_SERVER_API_AUTH_STRING: half}),
        pytest.raises(ServerError, match="can be reached from other machines") as refused,
    ):
        require_password("::")
    assert "hush" not in str(refused.value)


def test_with_a_password_it_may_and_nobody_is_answered_without(tmp_path: Path) -> None:
    with temporary_settings({PREFECT_SERVER_API_AUTH_STRING: SECRET}):
        require_password("0.0.0.0")
    # The same server, listening where a test may: on loopback.
    with operated(tmp_path, PREFECT_SERVER_API_AUTH_STRING=SECRET) as place:
        assert status(place.url) == 401
        assert status(place.url, "team:wrong") == 401
        assert status(place.url, SECRET) == 200
        assert place.run("flows.doctor").returncode == 1
        done = place.run("flows.doctor", "--json", PREFECT_API_AUTH_STRING=SECRET)
        check, *_ = json.loads(done.stdout)["checks"]
        assert check["state"] == "ok", done.stdout
        ui = place.url.replace("/api", "/ui-settings")
        with urllib.request.urlopen(ui, timeout=30) as answer:
            assert json.loads(answer.read())["api_url"] == place.url
        assert "hush" not in place.log("server.log")
        assert allowed_origin(place.url, place.url.removesuffix("/api"))
        assert not allowed_origin(place.url, "https://elsewhere.example.org")


def test_what_is_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "prefect.example.org", "")))


def test_a_database_is_one_variable_and_a_wrong_one_is_told() -> None:
    url = "postgresql+asyncpg://prefect@db.example.org/prefect"
    assert (
        settings("127.0.0.1", 4200, database=url)["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == url
    )
    with pytest.raises(ServerError, match=r"DATABASE begins with 'postgresql': give postgresql\+a"):
        settings("127.0.0.1", 4200, database="postgresql://prefect:hush@db.example.org/prefect")


def test_other_origins_are_not_answered_and_the_ui_finds_its_port() -> None:
    found = settings("127.0.0.1", 4711)
    allowed = found["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert allowed == ["http://127.0.0.1:4711", "http://localhost:4711"]
    assert found["PREFECT_UI_API_URL"] == "http://127.0.0.1:4711/api"
    behind = settings("0.0.0.0", 4200, url="https://prefect.example.org/api")
    allowed = behind["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert allowed[0] == "https://prefect.example.org"
    assert settings("::1", 4200)["PREFECT_UI_API_URL"] == "http://[::1]:4200/api"
    assert "0.0.0.0" not in settings("0.0.0.0", 4200)["PREFECT_UI_API_URL"]
