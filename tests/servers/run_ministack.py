"""Serve S3 by ministack on a free port of 127.0.0.1; prints the port, ends with standard input.

Its 412 lacks the <Condition> that Amazon's and moto's carry, as some real servers' do.
"""

import os
import runpy
import socket
import sys
import tempfile
import threading
import time

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
os.environ.update(
    BIND_HOST="127.0.0.1",
    GATEWAY_PORT=str(port),
    SERVICES="s3",
    LOG_LEVEL="ERROR",
    S3_DATA_DIR=tempfile.mkdtemp(prefix="ministack-"),
)


def announce() -> None:
    """Print the port once something listens there."""
    while True:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    print(port, file=real_output, flush=True)


def watch() -> None:
    """End with whoever started this server."""
    sys.stdin.read()
    os._exit(0)


real_output, sys.stdout = sys.stdout, sys.stderr
for task in (announce, watch):
    threading.Thread(target=task, daemon=True).start()
sys.argv = ["ministack"]
runpy.run_module("ministack", run_name="__main__")
