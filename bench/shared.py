"""A colleague's cached re-run of 100,000 images on S3: seconds, and every request counted."""

import os
import secrets
import sys
from collections import Counter
from pathlib import Path

from bench.figures import beside, folder, show
from bench.server import prefect_server
from tests.servers.running import BUCKET, Counted, proxy, s3_server

ITEMS = int(os.environ.get("BENCH_SHARED_ITEMS", "100000"))
STAGES = 5
GOAL = 20.0
"""Seconds."""


def measure(place: Path) -> None:
    """Fill a store, then run over all of it as one who never saw it, and as one who did."""
    from bench.noop import cached_run, fill
    from varifactory.store import parts

    url = f"s3://{BUCKET}/{secrets.token_hex(4)}"
    counted = Counted(int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2]))
    os.environ["VARIFACTORY_CACHE"] = str(place / "writer")
    fill(url, ITEMS, STAGES)
    os.environ["VARIFACTORY_CACHE"] = str(place / "colleague")
    for who in ("a new clone", "the same clone again"):
        parts._RECENT._forget()
        counted.since()
        seconds = cached_run(url, ITEMS, STAGES)
        asked = counted.since()
        kinds = dict(sorted(Counter(map(_kind, asked)).items()))
        show(f"cached re-run on S3, {STAGES} stages, {who}", seconds, "s", ITEMS, goal=GOAL,
             requests=len(asked), kinds=kinds)  # fmt: skip


def _kind(asked: str) -> str:
    """What a request is for."""
    if "list-type" in asked:
        return "listings"
    return "parts read" if "/part-" in asked else "blobs" if "/blobs/" in asked else "others"


def main() -> None:
    """Start Prefect's and an S3 server and measure beside them."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                   "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip
    with folder() as place, s3_server("moto") as behind, proxy("counting", behind) as port:
        os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        with prefect_server(place):
            beside("bench.shared", str(place))


if __name__ == "__main__":
    measure(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
