"""A data set in a training loop: arrays, tensors, loaders with spawned workers, ranks."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.drawn_items import Drawn
from tests.varifactory.exports.conftest import bucket, moto, published, requests
from varifactory import datasets
from varifactory.columns import Columns
from varifactory.datasets import Dataset, open_dataset
from varifactory.samples import Samples
from varifactory.store import StoreError
from varifactory.store.manifest import HASHED

__all__ = ["bucket", "moto", "requests"]  # fixtures


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    drawn = Drawn(classes=("kettle", "owl"), sources=1, side=32)
    return published(str(tmp_path_factory.mktemp("samples") / "store"), drawn)


@pytest.fixture(scope="module")
def accepted(data: Dataset) -> Dataset:
    return data.select(status="ok", kind="edit")


def halved(image: Any) -> Any:
    """A transform that a worker process can import."""
    import torch

    return torch.from_numpy(np.array(image.resize((16, 16)))).float().mean(dim=2)


def test_one_address_says_store_name_and_version(data: Dataset) -> None:
    same = open_dataset(f"{data.store.url}#toys@1")
    assert same.table() == data.table() == open_dataset(f"{data.store.url}#toys").table()
    for wrong in ("s3://team/store", "#toys", "s3://team/store#", "toys"):
        with pytest.raises(StoreError, match="STORE#NAME"):
            open_dataset(wrong)


def test_large_version_is_read_column_by_column(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers as one does that is read whole, and reads what is asked for, once."""
    monkeypatch.setattr(datasets, "SMALL", 0)
    lazy = open_dataset(f"{data.store.url}#toys")
    asked: list[str] = []
    read = lazy._columns._read
    assert read is not None

    def noted(names: Sequence[str]) -> pa.Table:
        asked.extend(names)
        return read(names)

    monkeypatch.setattr(lazy._columns, "_read", noted)
    edits = lazy.select(status="ok", split=["train", "test"]).shuffled(3).shard(0, 2)
    assert asked == []  # what the version's hash is made of was read for it
    assert edits.table(["key", "attribute"]) == (
        data.select(status="ok", split=["train", "test"]).shuffled(3).shard(0, 2)
    ).table(["key", "attribute"])
    assert asked == ["attribute"]
    assert lazy.classes == data.classes
    assert [item.row for item in lazy] == [item.row for item in data]
    assert lazy[-1].row == data[-1].row
    assert lazy.table() == data.table()
    assert len(asked) == len(set(asked)) == len(lazy.table().column_names) - len(HASHED)
    made = lazy.numpy(columns=["key", "editor"]), data.numpy(columns=["key", "editor"])
    assert made[0].__getstate__()["_rows"] == made[1].__getstate__()["_rows"]
    with pytest.raises(StoreError, match="colour"):
        lazy.select(colour="red")


def test_texts_that_repeat_are_held_once() -> None:
    words = pa.table({"word": ["a photo of a bird on a branch"] * 40_000,
                      "key": [f"{number:064d}" for number in range(40_000)]})  # fmt: skip
    columns = Columns(words.column_names, words)
    assert columns._held["word"].nbytes < words["word"].nbytes / 6
    assert columns._held["key"] is words["key"] or columns._held["key"] == words["key"]
    assert columns.table(["key", "word"], pa.array([39_999, 0])).to_pydict() == {
        "key": [f"{39_999:064d}", f"{0:064d}"], "word": ["a photo of a bird on a branch"] * 2,
    }  # fmt: skip
    assert columns.table(["word"]) == words.select(["word"])


def test_a_stream_brings_the_pictures_with_the_items(accepted: Dataset, data: Dataset) -> None:
    for item, plain in zip(accepted.stream("image", "mask"), accepted, strict=True):
        assert item.key == plain.key
        assert set(item.fetched) == {item["image_blob"], item["mask_blob"]}
        assert item.image().tobytes() == plain.image().tobytes()
        assert item.mask().mode == "L"
    bare = [item for item in data.stream("image") if not item["image_blob"]]
    assert bare
    with pytest.raises(StoreError, match="has no image_blob"):
        bare[0].image()
    with pytest.raises(StoreError, match="picture 'images'"):
        data.stream("images")


def test_shuffled_by_a_seed_and_dealt_to_ranks(accepted: Dataset) -> None:
    keys = [item.key for item in accepted]
    one, same, other = ([item.key for item in accepted.shuffled(seed)] for seed in (1, 1, 2))
    assert one == same
    assert sorted(one) == sorted(other) == keys
    assert len({tuple(keys), tuple(one), tuple(other)}) == 3
    parts = [accepted.shuffled(1).shard(rank, 4) for rank in range(4)]
    assert sorted(item.key for part in parts for item in part) == keys
    even = {len(accepted.shard(rank, 4, even=True)) for rank in range(4)}
    assert even == {len(keys) // 4}
    with pytest.raises(StoreError, match="shard 4 of 4"):
        accepted.shard(4, 4)


def test_arrays(accepted: Dataset) -> None:
    samples = accepted.numpy(pictures=("image", "mask"), columns=("key", "attribute"))
    assert len(samples) == len(accepted)
    for sample, item in zip(samples, accepted, strict=True):
        assert sample["key"] == item.key
        assert sample["attribute"] == item.attribute
        assert accepted.classes[sample["target"]] == item.label
        assert (sample["image"] == np.asarray(item.image())).all()
        assert sample["mask"].dtype == np.bool_
    assert samples[-1]["key"] == accepted[-1].key
    with pytest.raises(IndexError):
        samples[len(samples)]
    with pytest.raises(StoreError, match="colour"):
        accepted.numpy(columns=("colour",))


def test_classes_are_numbered_as_in_the_whole_version(data: Dataset) -> None:
    owls = data.select(label="owl", status="ok")
    assert owls.classes == ("kettle", "owl")
    assert {sample["target"] for sample in owls.numpy()} == {1}


def test_what_a_worker_is_sent_holds_no_secret_and_no_pixels(
    accepted: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush-hush")
    samples = accepted.torch()
    samples[0]
    sent = pickle.dumps(samples)
    assert b"hush-hush" not in sent
    assert len(sent) < 200 * len(samples) + 4000
    again = pickle.loads(sent)
    assert isinstance(again, Samples)
    assert again[0]["key"] == accepted[0].key
    with pytest.raises(TypeError, match="never travels"):
        pickle.dumps(accepted.store)


def test_a_loader_with_spawned_workers(accepted: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch.utils.data import DataLoader

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    loader = DataLoader(
        accepted.torch(pictures=("image", "mask")), batch_size=4, shuffle=True, num_workers=2,
        multiprocessing_context="spawn", generator=torch.Generator().manual_seed(5),
    )  # fmt: skip
    batches = list(loader)
    assert batches[0]["image"].shape == (4, 3, 32, 32)
    assert batches[0]["image"].dtype == torch.uint8
    assert batches[0]["mask"].dtype == torch.bool
    keys = [key for batch in batches for key in batch["key"]]
    assert sorted(keys) == [item.key for item in accepted]
    assert keys != sorted(keys)
    targets = {key: int(target) for batch in batches
               for key, target in zip(batch["key"], batch["target"], strict=True)}  # fmt: skip
    assert all(accepted.classes[targets[item.key]] == item.label for item in accepted)


def test_a_transform_of_ones_own(accepted: Dataset) -> None:
    import torch
    from torch.utils.data import DataLoader

    batch = next(iter(DataLoader(accepted.torch(halved, columns=("value",)), batch_size=3)))
    assert batch["image"].shape == (3, 16, 16)
    assert batch["image"].dtype == torch.float32
    assert len(batch["value"]) == 3


def test_from_a_bucket_each_picture_is_one_request(bucket: str, requests: Any) -> None:
    drawn = Drawn(classes=("owl",), sources=1, side=32)
    away = published(bucket, drawn).select(status="ok", attribute="color")
    requests()
    count = len(list(away.stream("image")))
    assert requests() == ["get_object"] * count
    assert len(away.numpy().__getitems__(range(count))) == count
    assert requests() == ["get_object"] * count
