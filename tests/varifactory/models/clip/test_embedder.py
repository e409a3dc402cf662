"""An embedder's model: one for several threads at once, and nobody's to give up meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from varifactory.errors import ModelError
from varifactory.models import residency
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.embedder import Embedder
from varifactory.models.clip.open_clip import ClipCheckpoint

WAIT = 20.0
"""Seconds, after which a thread counts as stuck."""


@pytest.fixture
def clip():
    return Embedder(find_base("small-clip"), batch=4)


@pytest.mark.parametrize("kind", ["images", "texts"])
def test_a_model_in_use_is_not_given_up(clip, images, monkeypatch, kind):
    inside, go = threading.Event(), threading.Event()
    encode = getattr(ClipCheckpoint, f"encode_{kind}")

    def waiting(self, model, given):
        inside.set()
        assert go.wait(WAIT)
        return encode(self, model, given)

    call, given = (
        (clip.embed_images, images) if kind == "images" else (clip.embed_texts, ["a", "b"])
    )
    wanted = call(given)
    monkeypatch.setattr(ClipCheckpoint, f"encode_{kind}", waiting)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(call, given)
        assert inside.wait(WAIT)
        dropped = clip._resident.drop()
        go.set()
        assert np.array_equal(found.result(WAIT), wanted)
    assert not dropped
    assert clip._resident.drop(), "nobody uses it any more"
    assert np.array_equal(call(given), wanted)
    assert clip._resident.loads == 2


def test_threads_embed_side_by_side_and_the_last_gives_it_back(clip, images, monkeypatch):
    together = threading.Barrier(3)
    encode = ClipCheckpoint.encode_images

    def meeting(self, model, pictures):
        together.wait(WAIT)  # all three are inside at once, or none gets on
        return encode(self, model, pictures)

    monkeypatch.setattr(ClipCheckpoint, "encode_images", meeting)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(clip.embed_images, [images[:4]] * 3, timeout=WAIT))
    assert all(np.array_equal(each, found[0]) for each in found)
    assert clip._resident.loads == 1
    assert clip._resident.drop()


def test_a_failure_gives_the_model_back(clip, images, monkeypatch):
    def failing(self, model, pictures):
        raise ValueError("no")

    with monkeypatch.context() as patch:
        patch.setattr(ClipCheckpoint, "encode_images", failing)
        with pytest.raises(ValueError, match="no"):
            clip.embed_images(images)
    assert clip._resident.drop()
    assert clip.embed_images(images).shape == (6, 64)


def test_nothing_to_embed_loads_nothing(clip):
    assert len(clip.embed_images([])) == len(clip.embed_texts([])) == 0
    assert clip._resident.loads == 0


def test_a_model_for_which_memory_is_short_makes_others_give_way(clip, images, monkeypatch):
    import open_clip

    idle = residency.Resident("an editor", lambda: object())
    with idle.use():
        pass
    create = open_clip.create_model

    def short(*args, **more):
        if idle._model is not None:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return create(*args, **more)

    monkeypatch.setattr(open_clip, "create_model", short)
    assert clip.embed_images(images).shape == (6, 64)
    monkeypatch.setattr(
        open_clip, "create_model",
        lambda *args, **more: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")),
    )  # fmt: skip
    residency.drop_all()
    with pytest.raises(ModelError, match=r"training\.clip 'small-clip' does not fit into memory"):
        clip.embed_images(images)
