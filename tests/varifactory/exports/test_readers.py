"""Each library that the README names opens an export, from a folder and from a bucket."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.drawn_items import Drawn
from tests.varifactory.exports.conftest import LABELS, published
from varifactory.datasets import Dataset
from varifactory.exports.copying import export_copy
from varifactory.exports.request import Request

CLASSES = sorted(LABELS)


@pytest.fixture(scope="module")
def exports(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an export of every form."""
    place = tmp_path_factory.mktemp("forms")
    for form in ("hf", "webdataset", "imagefolder", "coco"):
        export_copy(data, Request(form), place / form)
    return place


@pytest.fixture(scope="module")
def accepted(drawn: Drawn) -> list[dict[str, Any]]:
    return [row for row in drawn.rows if row["status"] == "ok"]


@pytest.fixture(scope="module")
def train(accepted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in accepted if row["split"] == "train"]


@pytest.fixture(scope="module")
def there(bucket: str, drawn: Drawn) -> str:
    """The same as Parquet in a bucket's exports."""
    return export_copy(published(bucket, drawn), Request("hf"))["path"]


HUGGING_FACE = """
import socket, sys, warnings
warnings.simplefilter("error")
def guard(event, given):
    if event == "socket.connect" and given[1][0] not in ("127.0.0.1", "::1"):
        raise AssertionError(f"a connection to {given[1]}")
    if event == "socket.getaddrinfo" and given[0] not in ("127.0.0.1", "localhost"):
        raise AssertionError(f"a look-up of {given[0]}")
sys.addaudithook(guard)
import json
from datasets import ClassLabel, Image, load_dataset
hf, folder, bucket = sys.argv[1:]
told = {}
found = load_dataset(hf)
told["rows"] = {split: len(rows) for split, rows in found.items()}
first = found["train"][0]
features = found["train"].features
assert isinstance(features["label"], ClassLabel) and isinstance(features["image"], Image)
told["names"] = features["label"].names
told["size"] = first["image"].size, first["image"].format, first["mask"].mode
told["labels"] = sorted(set(zip(found["train"]["label"], found["train"]["class_name"])))
stream = load_dataset("parquet", data_files=f"{hf}/data/train-*.parquet", split="train",
                      streaming=True)
assert next(iter(stream))["image"].size == first["image"].size
files = load_dataset("imagefolder", data_dir=folder)
told["folder"] = {split: len(rows) for split, rows in files.items()}
assert files["train"][0]["image"].size == first["image"].size
remote = load_dataset("parquet", data_files=f"{bucket}/data/train-*.parquet", split="train",
                      streaming=True)
told["bucket"] = next(iter(remote))["image"].size
print(json.dumps(told))
"""


def test_hugging_face_datasets(
    exports: Path, there: str, accepted: list[dict[str, Any]], tmp_path: Path
) -> None:
    quiet = {
        "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }  # fmt: skip
    command = [sys.executable, "-c", HUGGING_FACE, str(exports / "hf"),
               str(exports / "imagefolder"), there]  # fmt: skip
    done = subprocess.run(command, env={**os.environ, **quiet}, capture_output=True, text=True,
                          check=False, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    rows = dict(Counter(row["split"] for row in accepted))
    assert told["rows"] == told["folder"] == rows
    assert told["names"] == CLASSES
    assert told["size"] == [[64, 64], "JPEG", "L"]
    assert told["labels"] == [[at, name] for at, name in enumerate(CLASSES)]
    assert told["bucket"] == [64, 64]


def test_pandas(exports: Path, there: str, train: list[dict[str, Any]]) -> None:
    import pandas as pd

    here = pd.read_parquet(f"{exports}/hf/data/train-00000-of-00001.parquet",
                           columns=["key", "class_name", "kind"])  # fmt: skip
    assert here["class_name"].value_counts().to_dict() == Counter(row["label"] for row in train)
    endpoint = {"client_kwargs": {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}}
    away = pd.read_parquet(
        f"{there}/data/train-00000-of-00001.parquet",
        columns=["key", "class_name", "kind"], storage_options=endpoint,
    )  # fmt: skip
    assert away.equals(here)
    assert here["kind"].value_counts().to_dict() == Counter(row["kind"] for row in train)


def test_polars(exports: Path, there: str, train: list[dict[str, Any]]) -> None:
    import polars as pl

    options = {
        "aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_allow_http": "true",
        "aws_region": "us-east-1", "aws_access_key_id": "test",
        "aws_secret_access_key": "hush-hush",
    }  # fmt: skip
    here = pl.scan_parquet(f"{exports}/hf/data/train-*.parquet")
    away = pl.scan_parquet(f"{there}/data/train-*.parquet", storage_options=options)
    wanted = sorted(row["key"] for row in train if row.get("attribute") == "color")
    for table in (here, away):
        found = table.filter(pl.col("attribute") == "color").select("key").collect()
        assert found["key"].to_list() == wanted


def test_duckdb(exports: Path, there: str, train: list[dict[str, Any]]) -> None:
    import duckdb
    import s3fs

    connection = duckdb.connect()
    connection.register_filesystem(s3fs.S3FileSystem(
        endpoint_url=os.environ["AWS_ENDPOINT_URL"], skip_instance_cache=True))  # fmt: skip
    for place in (f"{exports}/hf", there):
        rows = connection.sql(
            "select class_name, count(*), sum(octet_length(image.bytes)) > 0 "
            f"from read_parquet('{place}/data/train-*.parquet') group by 1 order by 1"
        ).fetchall()
        wanted = Counter(row["label"] for row in train)
        assert rows == [(name, wanted[name], True) for name in CLASSES]
    connection.close()


def test_pyarrow(exports: Path, there: str, train: list[dict[str, Any]]) -> None:
    import pyarrow.dataset as arrow
    import pyarrow.parquet as pq
    from pyarrow import fs

    assert arrow.dataset(f"{exports}/hf/data").count_rows(filter=arrow.field("split") == "train"
                                                          ) == len(train)  # fmt: skip
    s3 = fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"], region="us-east-1")
    away = arrow.dataset(there.removeprefix("s3://") + "/data", filesystem=s3)
    assert away.count_rows(filter=arrow.field("split") == "train") == len(train)
    about = pq.ParquetFile(f"{exports}/hf/data/train-00000-of-00001.parquet").metadata
    assert about.row_group(0).num_rows == min(100, len(train))


# Its reader leaves the closing of a file to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored.*tar:pytest.PytestUnraisableExceptionWarning")
def test_webdataset(exports: Path, train: list[dict[str, Any]]) -> None:
    import webdataset as wds

    files = [str(path) for path in sorted((exports / "webdataset").glob("train-*.tar"))]
    found = list(wds.WebDataset(files, shardshuffle=False).decode("rgb8"))
    assert sorted(item["__key__"] for item in found) == sorted(row["key"] for row in train)
    by_key = {row["key"]: row for row in train}
    for item in found:
        row = by_key[item["json"]["key"]]
        assert item["jpg"].shape == (64, 64, 3)
        assert CLASSES[int(item["cls"])] == row["label"] == item["json"]["label"]
        assert ("mask.png" in item) == (row["mask_blob"] is not None)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_tools(exports: Path, train: list[dict[str, Any]], data: Dataset) -> None:
    from pycocotools.coco import COCO

    found = COCO(exports / "coco/annotations/instances_train.json")
    assert len(found.getImgIds()) == len(found.getAnnIds()) == len(train)
    assert [one["name"] for one in found.loadCats(found.getCatIds())] == CLASSES
    items = {item.key: item for item in data.select(status="ok")}
    for one in found.loadAnns(found.getAnnIds())[:8]:
        image = found.loadImgs(one["image_id"])[0]
        assert (exports / "coco/train" / image["file_name"]).is_file()
        mask = np.asarray(items[image["key"]].mask()) >= 128
        assert (found.annToMask(one) == mask).all()
        assert one["area"] == mask.sum()
    assert COCO(exports / "coco/annotations/instances_test.json").getAnnIds() == []


def test_torchvision_reads_the_folders(exports: Path, train: list[dict[str, Any]]) -> None:
    from torchvision.datasets import ImageFolder

    found = ImageFolder(str(exports / "imagefolder/train"))
    assert len(found) == len(train)
    names = json.loads((exports / "imagefolder/classes.json").read_text())
    assert set(found.classes) == {names[label] for label in LABELS}
    assert len({name.lower() for name in names.values()}) == len(LABELS)
