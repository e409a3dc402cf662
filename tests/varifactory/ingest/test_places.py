"""Foreign images and stores may lie in a bucket."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tests.foreign_images import CLASSES, foreign, foreign_table, published, real
from tests.servers.running import BUCKET, s3_server
from varifactory.datasets import open_dataset
from varifactory.ingest.asking import Asked, IngestError
from varifactory.ingest.publishing import ingest
from varifactory.store import Store


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty prefix on an S3 server that the usual variables name."""
    with s3_server("moto") as port, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("VARIFACTORY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield f"s3://{BUCKET}/{secrets.token_hex(6)}"


def test_a_folder_and_a_table_of_a_bucket_beside_a_data_set_in_one(
    bucket: str, tmp_path: Path
) -> None:
    store = Store(f"{bucket}/store")
    published(store, real(tmp_path / "real"))
    fs = fsspec.filesystem("s3")
    fs.put(str(foreign(tmp_path / "theirs")), f"{bucket}/theirs", recursive=True)
    fs.put(
        str(foreign_table(tmp_path / "t.parquet", prompt=["x", "y", "z"])), f"{bucket}/t.parquet"
    )
    fs.put(str(tmp_path / "real" / "train"), f"{bucket}/seen", recursive=True)
    asked = Asked(f"{bucket}/theirs", "theirs", "pets", "sd-xl", trained_on=f"{bucket}/seen")
    taken = ingest(store, asked)
    assert (taken.statuses["ok"], taken.adopted) == (9, False)
    assert "images that the generator was trained on: 12" in taken.notices
    assert ingest(store, asked).reused == 9
    from_table = ingest(store, Asked(f"{bucket}/t.parquet", "tabled", "pets", "sd-xl"))
    data = open_dataset(store.url, "tabled", from_table.manifest.version)
    assert len(data.select(kind="foreign", status="ok")) == len(CLASSES)
    record = store.read_run(taken.manifest.run_id)
    assert record["asked"]["place"] == f"{bucket}/theirs"
    with pytest.raises(IngestError, match=r"FOLDER\|TABLE .*nothing' does not exist"):
        ingest(store, Asked(f"{bucket}/nothing", "none", "pets", "sd-xl"))
    assert store.verify().whole
