"""Checkpoints by name: a real client against a hub on the loopback, and files on this disk."""

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.hub import COMMIT, HubServer, Illness, Repo, client_of
from varifactory.errors import ModelError
from varifactory.models import checkpoints, weight_hashes
from varifactory.models.checkpoints import find, load_weights_only, local_folder, refuse_pickles
from varifactory.recipe import Checkpoint

FILES = {"config.json": b"{}", "unet/model.safetensors": b"w" * 5000, "README.md": b"hi"}
NAME = "studio/painter"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    with client_of(monkeypatch, tmp_path / "cache", studio__painter=Repo(dict(FILES))) as server:
        yield server


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def switch() -> None:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        checkpoints._commit.cache_clear()

    return switch


def wanted(name: str = NAME, **more: Any) -> checkpoints.Found:
    return find(Checkpoint(name=name, **more), "edits.checkpoint")


def refused(name: str = NAME, **more: Any) -> str:
    with pytest.raises(ModelError) as caught:
        local_folder(wanted(name, **more))
    return str(caught.value)


def test_a_branch_is_pinned_to_its_commit_and_a_commit_asks_nobody(hub: HubServer) -> None:
    found = wanted(variant="fp16")
    assert (found.revision, found.weights) == (COMMIT, f"{NAME}@{COMMIT}")
    assert found.identity() == {
        "weights": f"{NAME}@{COMMIT}", "dtype": "bfloat16", "variant": "fp16",
    }  # fmt: skip
    asked = len(hub.requests)
    assert wanted(revision=COMMIT).weights == found.weights
    wanted()  # asked once a process
    assert len(hub.requests) == asked


def test_files_come_once_and_the_patterns_choose_them(hub: HubServer) -> None:
    folder = local_folder(wanted(), ["*.json", "*.safetensors"])
    assert (folder / "unet/model.safetensors").read_bytes() == FILES["unet/model.safetensors"]
    assert not (folder / "README.md").exists()
    asked = len(hub.requests)
    assert local_folder(wanted(), ["*.json", "*.safetensors"]) == folder
    assert len(hub.requests) == asked


def test_what_a_hub_refuses_names_the_setting(hub: HubServer) -> None:
    hub.repos["studio/gated"] = Repo(dict(FILES), token="t", gated=True)
    hub.repos["studio/private"] = Repo(dict(FILES), token="t")
    assert "accept its licence" in refused("studio/gated")
    assert "HF_TOKEN" in refused("studio/gated")
    assert "not on the hub, or private" in refused("studio/private")
    assert "not on the hub, or private" in refused("studio/typo")
    assert "edits.checkpoint.revision" in refused(revision="no-such-branch")
    assert "edits.checkpoint.revision" in refused(revision="0" * 40)
    assert "no hub name" in refused("studio/so..so")


def test_a_token_opens_what_is_gated(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos["studio/gated"] = Repo(dict(FILES), token="t", gated=True)
    monkeypatch.setenv("HF_TOKEN", "t")
    assert (local_folder(wanted("studio/gated")) / "config.json").is_file()


@pytest.mark.parametrize(
    ("ill", "words"),
    [
        (Illness(500, b"oops"), "500"),
        (Illness(503, b"busy"), "503"),
        (Illness(403, b"no"), "HF_TOKEN"),
        (Illness(200, b"<html>log in to this network</html>"), "HF_ENDPOINT"),
        (Illness(200, b'{"id": "a/b"}'), "edits.checkpoint.revision"),
        (Illness(200, b"{}"), "HF_ENDPOINT"),
        (Illness(200, b"[1]"), "HF_ENDPOINT"),
        (Illness(delay=1.0), "TimeoutError|ReadTimeout"),
    ],
)
def test_a_hub_that_is_ill(
    hub: HubServer, ill: Illness, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "ANSWER", 0.3)
    hub.ill = ill
    with pytest.raises(ModelError, match=words):
        wanted()


@pytest.mark.parametrize("ill", [Illness(500), Illness(delay=1.0), Illness(200, b"<html>")])
def test_what_is_here_serves_while_the_hub_is_ill(
    hub: HubServer, ill: Illness, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = local_folder(wanted())
    remember_main()
    checkpoints._commit.cache_clear()
    monkeypatch.setattr(checkpoints, "ANSWER", 0.3)
    hub.ill = ill
    assert local_folder(wanted()) == folder


def remember_main() -> None:
    """What loading by the branch's name leaves in the cache."""
    from huggingface_hub import snapshot_download

    snapshot_download(NAME, revision="main")


def test_nobody_listens(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "check the connection" in refused()
    assert "check the connection" in refused(revision=COMMIT)


def test_a_connection_that_is_cut_leaves_nothing_half(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client's pauses between tries
    hub.ill = Illness(cut=1000)
    assert "cannot be fetched" in refused()
    hub.ill = Illness()
    folder = local_folder(wanted())
    assert (folder / "unet/model.safetensors").read_bytes() == FILES["unet/model.safetensors"]


def test_offline_takes_the_cache_and_says_what_is_not_there(
    hub: HubServer, offline: Callable[[], None]
) -> None:
    folder = local_folder(wanted())
    remember_main()
    offline()
    asked = len(hub.requests)
    assert local_folder(wanted()) == folder
    assert "HF_HUB_OFFLINE" in refused("studio/other")
    assert "HF_HUB_OFFLINE" in refused("studio/other", revision=COMMIT)
    (folder / "unet/model.safetensors").unlink()
    assert "HF_HUB_OFFLINE" in refused(revision=COMMIT)
    assert len(hub.requests) == asked


def test_a_cache_without_a_listing_serves_offline(
    hub: HubServer, offline: Callable[[], None], tmp_path: Path
) -> None:
    cached = tmp_path / "cache" / "models--studio--painter"
    folder = cached / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"w")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(COMMIT)
    offline()
    assert local_folder(wanted()).resolve() == folder.resolve()
    assert not hub.requests


def test_variables_of_the_environment_are_the_clients_own(hub: HubServer, tmp_path: Path) -> None:
    code = (
        "from varifactory.models.checkpoints import find, local_folder\n"
        "from varifactory.recipe import Checkpoint\n"
        f"print(local_folder(find(Checkpoint(name={NAME!r}), 'k')))"
    )
    environment = {
        **os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(ran.stdout.strip()).is_relative_to(tmp_path / "home")


def test_names_that_are_nothing(tmp_path: Path) -> None:
    for name, words in [
        ("", "is empty"), ("painter", "neither a folder"), (str(tmp_path / "no"), "neither"),
        ("./no", "neither"), ("a/b/c", "neither"),
    ]:  # fmt: skip
        with pytest.raises(ModelError, match=words):
            wanted(name)
    with pytest.raises(ModelError, match=r"edits\.checkpoint\.revision"):
        wanted(NAME, sha256="0" * 64)


def checkpoint_folder(path: Path) -> Path:
    """Two shards with their index, and a variant."""
    path.mkdir()
    (path / "config.json").write_text('{"width": 8}')
    for name in ("model-00001-of-00002", "model-00002-of-00002", "model.fp16"):
        (path / f"{name}.safetensors").write_bytes(name.encode() * 100)
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {}}))
    return path


@pytest.mark.parametrize("single", [False, True])
def test_weights_exchanged_since_planning_are_refused(tmp_path: Path, single: bool) -> None:
    """What they made would be kept under the key of the others."""
    folder = checkpoint_folder(tmp_path / "model")
    file = folder / "model.fp16.safetensors"
    found = wanted(str(file if single else folder))
    assert local_folder(found) == (file if single else folder)
    file.write_bytes(file.read_bytes()[::-1])
    with pytest.raises(ModelError, match=r"edits\.checkpoint\.name: .* have changed since"):
        local_folder(found)
    assert local_folder(wanted(found.place))


def test_weights_gone_since_planning_are_told_with_their_key(tmp_path: Path) -> None:
    folder = checkpoint_folder(tmp_path / "model")
    found = wanted(str(folder))
    folder.rename(tmp_path / "moved")
    with pytest.raises(ModelError, match=r"edits\.checkpoint\.name: .* holds no weights"):
        local_folder(found)


def test_a_local_folder_is_named_by_all_that_is_read_from_it(tmp_path: Path) -> None:
    folder = checkpoint_folder(tmp_path / "model")
    found = wanted(str(folder))
    assert found.is_local
    assert local_folder(found) == folder
    moved = folder.rename(tmp_path / "moved")
    assert wanted(str(moved)).weights == found.weights
    (moved / ".cache").mkdir()
    (moved / ".cache" / "listing.json").write_text("{}")
    (moved / "README.md").write_text("new")
    assert wanted(str(moved)).weights == found.weights
    assert wanted(str(moved), sha256=found.weights).weights == found.weights

    seen = {found.weights}
    for name, text in [("config.json", '{"width": 9}'), ("model.fp16.safetensors", "other")]:
        (moved / name).write_text(text)
        seen.add(wanted(str(moved)).weights)
    (moved / "model-00002-of-00002.safetensors").rename(moved / "model-3.safetensors")
    seen.add(wanted(str(moved)).weights)
    assert len(seen) == 4


def test_another_hash_is_refused_and_told(tmp_path: Path) -> None:
    file = tmp_path / "vit.pth"
    file.write_bytes(b"weights")
    sha = wanted(str(file)).weights
    with pytest.raises(ModelError, match=f"edits.checkpoint.sha256 is {'0' * 64}.*{sha}"):
        wanted(str(file), sha256="0" * 64)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"edits\.checkpoint\.name.*holds no weights"):
        wanted(str(tmp_path / "empty"))
    file.unlink()
    (tmp_path / "link.safetensors").symlink_to(file)
    with pytest.raises(ModelError, match="cannot be read"):
        wanted(str(tmp_path))


def test_a_large_file_is_hashed_once_for_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VARIFACTORY_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "large.safetensors"
    file.write_bytes(b"a" * weight_hashes.STAMPED)
    just_now = wanted(str(file)).weights
    assert not list(weight_hashes.stamps().glob("*")), "it may still be written to"
    an_hour_ago = time.time() - 3600
    os.utime(file, (an_hour_ago, an_hour_ago))
    assert wanted(str(file)).weights == just_now
    (stamp,) = weight_hashes.stamps().glob("*.json")

    stamp.write_text(stamp.read_text().replace(just_now, "f" * 64))
    weight_hashes._hashed.cache_clear()  # as in another process
    assert wanted(str(file)).weights == "f" * 64, "the kept hash was not taken"
    stamp.write_text("{ torn")
    weight_hashes._hashed.cache_clear()
    assert wanted(str(file)).weights == just_now
    file.write_bytes(b"b" * weight_hashes.STAMPED)
    assert wanted(str(file)).weights != just_now


class Code:
    """A pickle that runs something."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickle_with_code_is_refused_and_not_run(
    tmp_path: Path, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    file = tmp_path / "sam.pth"
    torch.save({"a": torch.ones(2), "b": Code()}, file, pickle_protocol=protocol)
    with pytest.raises(ModelError, match="safetensors"):
        load_weights_only(file, "masks.checkpoint")
    file.write_bytes(pickle.dumps({"a": Code()}, protocol=protocol))
    with pytest.raises(ModelError, match=r"masks\.checkpoint\.name.*safetensors"):
        load_weights_only(file, "masks.checkpoint")
    assert not (tmp_path / "ran").exists()
    torch.save({"a": torch.ones(2)}, file)
    assert load_weights_only(file, "masks.checkpoint")["a"].sum() == 2


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n", "git-lfs"),
        (b"<!doctype html><html>Not found</html>", "web page"),
        (b"", "fetch it again"),
        (os.urandom(200), "fetch it again"),
    ],
)
def test_damaged_weights_say_so(tmp_path: Path, suffix: str, data: bytes, words: str) -> None:
    file = tmp_path / f"w{suffix}"
    file.write_bytes(data)
    with pytest.raises(ModelError, match=words):
        load_weights_only(file, "masks.checkpoint")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_that_were_cut_off_say_so(tmp_path: Path, suffix: str) -> None:
    import torch
    from safetensors.torch import save

    file = tmp_path / f"w{suffix}"
    if suffix == ".pth":
        torch.save({"a": torch.ones(1000)}, file)
    else:
        file.write_bytes(save({"a": torch.ones(1000)}))
    whole = file.read_bytes()
    assert load_weights_only(file, "k")["a"].sum() == 1000
    file.write_bytes(whole[:2000])
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load_weights_only(file, "k")


def test_pickles_alone_are_refused_folder_by_folder(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet/model.safetensors").touch()
    (tmp_path / "unet/model.bin").touch()
    refuse_pickles(tmp_path, "edits.checkpoint")
    (tmp_path / "text_encoder").mkdir()
    (tmp_path / "text_encoder/pytorch_model.bin").touch()
    with pytest.raises(ModelError, match=r"edits\.checkpoint\.name: .*text_encoder"):
        refuse_pickles(tmp_path, "edits.checkpoint")
    with pytest.raises(ModelError, match="pickle"):
        refuse_pickles(tmp_path / "unet/model.bin", "edits.checkpoint")
