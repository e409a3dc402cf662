"""Prefect's part of the check-up: a server that answers, and one that does not."""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.server import free_port

ROOT = Path(__file__).parents[2]


def doctor(server: str, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "flows.doctor", *options], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PREFECT_API_URL": server}, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_a_server_that_answers_is_ok(prefect_server: str) -> None:
    _, said = doctor(prefect_server, "--json")
    check, *shared = json.loads(said)["checks"]
    assert check["state"] == "ok"
    assert prefect_server in check["found"]
    assert any(one["name"] == "automation varifactory-lost-runs" for one in shared)


def test_a_server_that_does_not_is_trouble_with_advice() -> None:
    code, said = doctor(f"http://127.0.0.1:{free_port()}/api")
    assert code == 1
    assert said.startswith("trouble")
    assert "make server" in said
