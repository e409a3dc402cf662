"""Settings of servers and of what runs flows: two data files of ``deployments/``."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "deployments" / "server.env"
WORKER = ROOT / "deployments" / "worker.env"
"""What runs flows: workers, containers, commands."""
HERE = "VARIFACTORY_ROOT"
"""Environment variable from which the deployments' pull step takes the working directory."""
LOCAL_SERVER = "http://127.0.0.1:4200/api"


def settings_of(path: Path) -> dict[str, str]:
    """The ``NAME=value`` lines of a file, without comments and empty lines."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def apply(path: Path) -> None:
    """Set what the environment does not set already; before anything imports Prefect."""
    for name, value in settings_of(path).items():
        os.environ.setdefault(name, value)


def server_url() -> str:
    """The server that the environment or Prefect's profile names, else the one of this machine."""
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value() or LOCAL_SERVER
