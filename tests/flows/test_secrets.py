"""Secrets are names: a run with every kind of secret leaves none of them anywhere.

The run is a command of its own, on an S3 server and a Prefect server behind a password, with a
language model behind a key; one of its runs fails, for errors tell most. Then all that was kept is
read byte by byte: objects, their names, Prefect's database, logs, what the command said.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pyarrow.parquet as pq
import pytest
import yaml

from bench.server import prefect_server as own_prefect_server
from tests.flows.conftest import Make
from tests.flows.test_costs import MODEL, answers
from tests.servers.chat import ChatServer
from tests.servers.running import BUCKET, s3_server

ROOT = Path(__file__).parents[2]
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "aws-secret-5d1f0c9be2",
    "AWS_SESSION_TOKEN": "aws-session-77aa1b3c4d",
    "WRITER_KEY": "sk-writer-0f9e8d7c6b5a4321",
    "PREFECT_API_AUTH_STRING": "factory:gate-3c2b1a0f9e",
    "PREFECT_SERVER_API_AUTH_STRING": "factory:gate-3c2b1a0f9e",
    "HF_TOKEN": "hf_ab12cd34ef56gh78",
}


def hidden(text: bytes) -> list[str]:
    """The secrets that bytes hold, by name."""
    found = []
    for name, value in SECRETS.items():
        secret = value.partition(":")[2] or value
        if secret.encode() in text:
            found.append(name)
    return found


def plain(data: bytes) -> bytes:
    """The bytes, and what a compressed table says in them."""
    if not data.startswith(b"PAR1"):
        return data
    table = pq.read_table(io.BytesIO(data))
    about = b" ".join(b"%b %b" % pair for pair in (table.schema.metadata or {}).items())
    return data + about + json.dumps(table.to_pylist(), default=str).encode()


@pytest.fixture(scope="module")
def left(tiny: Make, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """Everything that two runs left, by where it was found."""
    place = tmp_path_factory.mktemp("secrets")
    with pytest.MonkeyPatch.context() as patch, ChatServer(answers).running() as chat:
        recipe = place / "recipe.yaml"
        settings = {"attributes": ["color"], "per_pool": 2, "writer": MODEL,
                    "base_url": chat.url, "key_variable": "WRITER_KEY",
                    "prices": [{"model": MODEL, "input": 2, "output": 8}]}  # fmt: skip
        recipe.write_text(yaml.safe_dump(tiny(prompts=settings).model_dump(mode="json")))
        with s3_server("moto") as port:
            for name, value in SECRETS.items():
                patch.setenv(name, value)
            patch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            patch.setenv("VARIFACTORY_CACHE", str(place / "cache"))
            with own_prefect_server(place):
                said = run(recipe, 0)
                bad = place / "bad.yaml"
                wrong = yaml.safe_load(recipe.read_text())
                wrong["masks"]["segmenter"] = "no-such-segmenter"
                bad.write_text(yaml.safe_dump(wrong))
                said += run(bad, 2)
            found = {"what the commands said": said, **objects(port)}
        files = [path for path in place.rglob("*") if path.is_file()]
        found |= {str(path.relative_to(place)): plain(path.read_bytes()) for path in files}
        yield found


def run(recipe: Path, code: int) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "flows.generate", str(recipe), "--store", f"s3://{BUCKET}/secrets",
         "--json"],
        cwd=ROOT, capture_output=True, check=False, timeout=240, env={**os.environ},
    )  # fmt: skip
    assert done.returncode == code, done.stderr.decode()[-3000:]
    if not code:
        assert json.loads(done.stdout)["failed"] == 0
    return done.stdout + done.stderr


def objects(port: int) -> dict[str, bytes]:
    client = botocore.session.Session().create_client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1"
    )
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for one in page.get("Contents", []):
            answer = client.get_object(Bucket=BUCKET, Key=one["Key"])
            about = json.dumps(answer["Metadata"]).encode()
            found[f"s3: {one['Key']}"] = plain(answer["Body"].read()) + one["Key"].encode() + about
    return found


def test_no_secret_is_kept_anywhere(left: dict[str, bytes]) -> None:
    told = {where: hidden(data) for where, data in left.items()}
    assert {where: names for where, names in told.items() if names} == {}


def test_it_looked_at_what_a_secret_could_be_in(left: dict[str, bytes]) -> None:
    kinds = [f"s3: secrets/{folder}/" for folder in ("stages", "runs", "datasets", "exports")]
    for start in [*kinds, "prefect.db", "server.log", "what the commands said", "cache"]:
        assert any(where.startswith(start) for where in left), f"nothing of {start} was read"
    assert b"WRITER_KEY" in b"".join(d for w, d in left.items() if w.endswith("recipe.yaml"))
    tables = [data for where, data in left.items() if where.endswith(".parquet")]
    assert any(b"feasible" in data for data in tables), "a table is read, not only its bytes"
    assert b"no-such-segmenter" in left["what the commands said"]


def test_the_search_would_find_one() -> None:
    assert hidden(b"x " + SECRETS["PREFECT_API_AUTH_STRING"].encode()[8:]) == [
        "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING",
    ]  # fmt: skip
