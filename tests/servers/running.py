"""S3 servers as processes of their own, and a proxy before them that misbehaves on command.

They live in another environment (``make test`` makes it), for they move the versions of the
client. ``VARIFACTORY_TEST_SERVERS`` names its python.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import pytest

SERVERS = Path(__file__).parent
BUCKET = "conformance"


@contextmanager
def serving(python: str, script: str, *arguments: str) -> Iterator[int]:
    """A server as a process; its port. It ends when its standard input is closed."""
    with TemporaryFile("w+") as log:  # a pipe that nobody reads would fill up and stop the server
        process = subprocess.Popen(
            [python, "-I", str(SERVERS / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.strip():
                log.seek(0)
                pytest.fail(f"{script} did not start: {log.read()[-2000:]}")
            yield int(line)
        finally:
            process.kill()
            process.communicate()


@contextmanager
def s3_server(kind: str) -> Iterator[int]:
    """``moto`` or ``ministack`` with an empty bucket; its port."""
    with serving(servers_python(), f"run_{kind}.py") as port:
        make_bucket(port)
        yield port


@contextmanager
def proxy(manner: str, port: int, after: int = 0, seconds: float = float("inf")) -> Iterator[int]:
    """``run_proxy.py`` before the server on ``port``; its own port.

    It misbehaves from its ``after``th request on, for so many seconds.
    """
    arguments = (manner, str(port), str(after), str(seconds))
    with serving(sys.executable, "run_proxy.py", *arguments) as own:
        yield own


class Counted:
    """What was asked of a server, told by the proxy ``counting`` before it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def since(self) -> list[str]:
        """``GET /bucket/key?query`` of every request since this was last asked."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/requests") as answer:
            found: list[str] = json.load(answer)
        return found


def servers_python() -> str:
    """The python of the servers' environment; without it the test is skipped, or fails in CI."""
    beside = SERVERS.parents[1] / ".venv-servers/bin/python"
    chosen = os.environ.get("VARIFACTORY_TEST_SERVERS", str(beside))
    if not Path(chosen).exists():
        text = f"no S3 test servers at {chosen}: `make test` installs them"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    return chosen


def make_bucket(port: int) -> None:
    """Create the bucket that the tests write to."""
    import botocore.session

    botocore.session.Session().create_client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).create_bucket(Bucket=BUCKET)
