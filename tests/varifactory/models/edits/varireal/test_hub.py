"""All parts by hub name, from a hub on the loopback."""

from pathlib import Path

import numpy as np
import pytest

from tests.servers.hub import COMMIT, Repo, client_of
from tests.varifactory.models.edits.varireal.conftest import build
from tests.varifactory.models.edits.varireal.jobs import job

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)  # diffusers' schedulers make arrays of tensors
UNREAD = {
    "whole_in_one.safetensors": b"large",
    "unet/diffusion_pytorch_model.bin": b"a pickle",
    "unet/diffusion_pytorch_model.fp16.safetensors": b"another variant",
    "sdxl_models/another-adapter.safetensors": b"another adapter",
}
"""What publishers keep beside the files that are read."""


@pytest.fixture
def hub(weights, tmp_path, monkeypatch):
    repos = {f"studio__{part}": Repo(files(Path(place)) | UNREAD)
             for part, place in weights.items()}  # fmt: skip
    with client_of(monkeypatch, tmp_path / "cache", **repos) as server:
        yield server


def files(folder: Path) -> dict[str, bytes]:
    return {each.relative_to(folder).as_posix(): each.read_bytes()
            for each in folder.rglob("*") if each.is_file()}  # fmt: skip


def test_from_a_hub_come_the_same_pixels_and_no_file_that_is_not_read(hub, weights, editor):
    remote = build({part: f"studio/{part}" for part in weights})
    assert remote.identity["vae_weights"] == f"studio/vae@{COMMIT}"
    asked = [job(3, "color", "red"), job(4, "background", "meadow")]
    for one, two in zip(remote.inpaint(asked), editor.inpaint(asked), strict=True):
        assert np.array_equal(one, two)
    fetched = [line for line in hub.requests if "/resolve/" in line]
    assert any("ip-adapter-plus_sdxl_vit-h.safetensors" in line for line in fetched)
    assert [line for line in fetched if any(name in line for name in UNREAD)] == []
