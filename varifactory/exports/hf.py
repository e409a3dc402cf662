"""Parquet with images inside, as Hugging Face's ``datasets`` loads it without being told how."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from varifactory import records
from varifactory.exports.job import ROW_GROUP, Encoded, Job, Shard
from varifactory.exports.naming import file_stem
from varifactory.exports.request import COLUMNS

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FOLDER = "data"


def write(job: Job) -> None:
    """A Parquet file a shard, and a page that names the files of each split."""
    schema = features(job.classes)
    for split in job.splits:
        for shard in job.shards(split, "parquet"):
            path = f"{FOLDER}/{shard.name}"
            if job.place.left(path) is None:
                _write_shard(job, shard, path, schema)
    job.place.put("README.md", _page(job))


def features(classes: tuple[str, ...]) -> pa.Schema:
    """The schema, with the metadata by which ``load_dataset`` decodes images and classes."""
    types = {field.name: field.type for field in records.schema("items")} | {"label": pa.int64()}
    columns = [(name, types[name]) for name in COLUMNS]
    fields = [("image", PICTURE), ("mask", PICTURE), ("class_name", pa.string()), *columns]
    told: dict[str, Any] = {
        name: {"dtype": _dtype(kind), "_type": "Value"} for name, kind in fields
    }
    told |= {"image": {"_type": "Image"}, "mask": {"_type": "Image"}}
    told["label"] = {"names": list(classes), "_type": "ClassLabel"}
    about = json.dumps({"info": {"features": told}}, ensure_ascii=False)
    return pa.schema(fields, metadata={"huggingface": about})


def _dtype(kind: pa.DataType) -> str:
    return {"float": "float32", "double": "float64"}.get(str(kind), str(kind))


def _write_shard(job: Job, shard: Shard, path: str, schema: pa.Schema) -> None:
    numbers = {name: number for number, name in enumerate(job.classes)}
    # Images are compressed already; zstd would only cost time on them.
    codecs = {"image": "none", "mask": "none"} | dict.fromkeys(COLUMNS, "zstd")
    with (
        job.place.file(path) as file,
        pq.ParquetWriter(file, schema, compression=codecs, write_page_checksum=True) as writer,
    ):
        group: list[dict[str, Any]] = []
        for item in job.encoded(shard.rows):
            group.append(_row(item, job.extension, numbers))
            if len(group) == ROW_GROUP:
                writer.write_table(pa.Table.from_pylist(group, schema))
                group = []
        if group:
            writer.write_table(pa.Table.from_pylist(group, schema))


def _row(item: Encoded, extension: str, numbers: dict[str, int]) -> dict[str, Any]:
    mask = item.mask and {"bytes": item.mask, "path": f"{item.stem}.mask.png"}
    return {
        **item.told,
        "image": {"bytes": item.picture.data, "path": f"{item.stem}.{extension}"},
        "mask": mask,
        "label": numbers.get(item.row["label"]),
        "class_name": item.row["label"],
    }


def _page(job: Job) -> bytes:
    """What makes ``load_dataset(folder)`` find the splits."""
    files = [{"split": split, "path": f"{FOLDER}/{file_stem(split)}-*.parquet"}
             for split in job.splits]  # fmt: skip
    head = yaml.safe_dump({"configs": [{"config_name": "default", "data_files": files}]},
                          sort_keys=False)  # fmt: skip
    manifest = job.data.manifest
    text = f"{manifest.name}, version {manifest.version}, data set hash {manifest.dataset_hash}"
    return f"---\n{head}---\n\n{text}\n".encode()
