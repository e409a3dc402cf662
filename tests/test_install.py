"""A team that only reads data sets: the wheel alone, in a bare environment."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from varifactory import records
from varifactory.images import encode_png, pixel_hash
from varifactory.keys import item_key, spec_of
from varifactory.store import Manifest, ManifestPart, Store, dataset_hash

ROOT = Path(__file__).parents[1]

READ = """
import importlib.util, sys
for name in ("torch", "prefect", "cv2", "diffusers"):
    assert importlib.util.find_spec(name) is None, name + " is installed"
from varifactory import open_dataset
data = open_dataset(sys.argv[1], "tiny")
print(len(data), data.manifest.version, [item.image().size for item in data])
"""


def run(*command: object, **more: object) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with the wheel and what the wheel asks for."""
    folder = tmp_path_factory.mktemp("bare")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q",
        "-w", folder, ROOT)  # fmt: skip
    (wheel,) = folder.glob("varifactory-*.whl")
    run(sys.executable, "-m", "venv", folder / "env")
    constraints = folder / "constraints.txt"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^[\w.-]+(?:\[[^\]]*\])?==[^\\\n]+", lock, re.MULTILINE)
    constraints.write_text("\n".join(re.sub(r"\[[^\]]*\]", "", pin).strip() for pin in pins))
    python = folder / "env/bin/python"
    run(python, "-m", "pip", "install", "-q", "-c", constraints, wheel)
    return python


def tiny(url: Path) -> None:
    """A data set of two sources, written through the store."""
    store = Store(str(url))
    store.prepare()
    spec = spec_of("items", {})
    rows = []
    for number in range(2):
        pixels = np.full((8, 8, 3), 40 * number, np.uint8)
        blob = store.put_blob(encode_png(pixels), "png")
        rows.append({
            "key": item_key(spec, of=number), "status": "ok", "reason": "", "label": "cat",
            "made_at": datetime.now(UTC), "kind": "source", "split": "train", "forced": False,
            "pixel_sha256": pixel_hash(pixels), "image_blob": f"{blob}.png",
        })  # fmt: skip
    table = records.table("items", rows)
    part = store.append("items", spec, table)
    store.publish(Manifest(
        name="tiny", version=1, created_at=datetime.now(UTC), actor="test", recipe={},
        recipe_fingerprint="0" * 64, dataset_hash=dataset_hash(table), counts={}, run_id="r",
        parts=(ManifestPart(stage="items", spec=spec, name=part.name, rows=2, bytes=part.bytes),),
    ))  # fmt: skip


@pytest.mark.slow
def test_a_reader_needs_neither_torch_nor_prefect(bare: Path, tmp_path: Path) -> None:
    tiny(tmp_path / "store")
    assert run(bare, "-c", READ, tmp_path / "store") == "2 1 [(8, 8), (8, 8)]\n"


@pytest.mark.slow
def test_the_command_looks_after_a_store_there(bare: Path, tmp_path: Path) -> None:
    tiny(tmp_path / "store")
    command = bare.parent / "varifactory"
    assert "tiny" in run(command, "status", "--store", tmp_path / "store")
    assert '"findings": []' in run(command, "verify", "--store", tmp_path / "store", "--json")


@pytest.mark.slow
def test_the_wheel_holds_the_library_alone(bare: Path) -> None:
    names = run(bare, "-c", "import importlib.metadata as m; print(m.files('varifactory'))")
    assert "varifactory/catalog/world.yaml" in names
    assert "varifactory/templates/gallery.html.j2" in names
    for other in ("'flows/", "'tasks/", "'tests/", "'bench/"):
        assert other not in names
