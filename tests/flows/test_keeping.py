"""gc and verify as flows: what a deployment's form asks, and how they end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from prefect.utilities.callables import parameter_schema

from flows.gc import gc
from flows.generate import generate
from flows.verify import verify
from tests.servers.running import BUCKET, proxy, s3_server
from varifactory.recipe import Recipe
from varifactory.store import Store, StoreDenied, StoreError, names

Make = Callable[..., Recipe]
SPEC = "a" * 64


@pytest.fixture
def place(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "store"))
    store.prepare()
    sha = store.put_blob(b"image", "png")
    store.put_blob(b"orphan", "png")
    store.write_run("r", {})
    store.use_spec("r", "edits", SPEC)
    store.append("edits", SPEC, pa.table({
        "key": ["a"], "status": ["ok"], "image_blob": [f"{sha}.png"],
    }))  # fmt: skip
    return store


def test_every_parameter_of_the_form_says_what_it_does() -> None:
    for flow in (gc, verify):
        found = parameter_schema(flow).properties
        assert found
        assert all(field.get("description") for field in found.values())


def test_gc_is_a_dry_run_unless_told(prefect_server: str, place: Store) -> None:
    assert gc(place.url)["count"] == 1
    assert not place.backend.entries(names.GC)
    assert gc(place.url, delete=True)["marked"] == 1


def test_verify_heals_and_fails_where_no_run_mends_it(prefect_server: str, place: Store) -> None:
    assert verify(place.url)["whole"]
    (blob,) = place.rows("edits", SPEC)["image_blob"].to_pylist()
    place.backend.delete(names.blob(*names.split_blob(blob)))
    said = verify(place.url)
    assert (said["failed"], said["counts"]) == (1, {"blob lost": 1})
    assert verify(place.url, sample=0.5)["whole"]
    place.backend.put_over(names.dataset("cats", 1), b"{}")
    with pytest.raises(StoreError, match="beyond healing"):
        verify(place.url)


def test_gc_from_the_command_line(place: Store, prefect_server: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows.gc", "--store", place.url, "--json"],
        capture_output=True, text=True, env={**os.environ, "PREFECT_API_URL": prefect_server},
        check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["count"] == 1


def test_run_of_a_role_that_may_not_delete(
    prefect_server: str, tiny: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Prepare, generate, publish, gallery: all of it by a worker without the right to delete."""
    with s3_server("moto") as port, proxy("keeping", port) as own:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{own}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("VARIFACTORY_CACHE", str(tmp_path))
        store = Store(f"s3://{BUCKET}/store")
        said = generate(tiny(), store.url)
        assert said["failed"] == 0
        assert store.dataset("tiny").version == 1
        found = store.collect()
        kinds = {tally.kind for tally in found.unneeded}
        assert kinds <= {"replaced rows", "left by probes"}  # what it works with is kept
        with pytest.raises(StoreDenied, match="may delete"):
            store.collect(delete=True)
