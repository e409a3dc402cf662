"""Whether what this container serves answers: a worker's health, or the page that is named."""

import sys
import urllib.request

WORKER = "http://127.0.0.1:8080/health"
"""Where Prefect's worker answers when it is started with ``--with-healthcheck``."""

urllib.request.urlopen(sys.argv[1] if len(sys.argv) > 1 else WORKER, timeout=5).close()
