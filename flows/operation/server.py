"""Prefect's temporary server, for commands without a server of their own."""

import logging
import subprocess
import time
from functools import partial
from typing import Any
from unittest.mock import patch

log = logging.getLogger("varifactory")

PATIENCE = 120
"""Seconds to wait for its first start; a slow machine needs more than Prefect's 20."""


def start_server() -> float:
    """Start the temporary server where no server is set; seconds it took, 0 without one."""
    from prefect.settings import PREFECT_API_URL

    if PREFECT_API_URL.value():
        return 0.0
    began = time.perf_counter()
    _apart().start(timeout=PATIENCE)
    seconds = time.perf_counter() - began
    log.info("Prefect's temporary server started in %.1f s", seconds)
    return seconds


def _apart() -> Any:
    """Prefect's own, in a session of its own: Ctrl-C in a terminal reaches all processes of its
    group, and a run that drains its batches still needs the server."""
    from prefect.server.api.server import SubprocessASGIServer

    class ApartServer(SubprocessASGIServer):
        def _run_uvicorn_command(self) -> "subprocess.Popen[Any]":
            apart = partial(subprocess.Popen, start_new_session=True)
            with patch.object(subprocess, "Popen", apart):
                return super()._run_uvicorn_command()

    return ApartServer()
