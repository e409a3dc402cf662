"""``<split>/<class>/<key>.jpg`` as torchvision and Hugging Face read folders.

A ``metadata.parquet`` a split tells the latter what a path cannot: in JSON a column that a split
has no value of would lose its type, and the splits would not fit together. ``items.jsonl`` tells
the same of all to everybody else, and ``classes.json`` which folder is which class.
"""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from varifactory import records
from varifactory.exports.encoding import encode
from varifactory.exports.job import Job
from varifactory.exports.naming import file_stem, folder_names
from varifactory.exports.request import COLUMNS
from varifactory.loading import read_blob
from varifactory.stages import Row

UNLABELLED = "_unlabelled"
"""No class' folder begins so."""


def write(job: Job) -> None:
    """Images, then what is told of them."""
    folders = folder_names(job.classes)
    lines: list[str] = []
    for split, rows in job.splits.items():

        def put(row: Row, split: str = split) -> dict[str, Any]:
            folder = folders.get(row["label"], UNLABELLED)
            name = f"{folder}/{file_stem(row['key'])}.{job.extension}"
            path = f"{file_stem(split)}/{name}"
            if job.place.left(path) is None:
                master = read_blob(job.data.store, row["image_blob"])
                job.place.put(path, encode(master, job.codec).data)
            return {"file_name": name, **{column: row[column] for column in COLUMNS}}

        told = list(job.each(rows, put))
        job.place.put(f"{file_stem(split)}/metadata.parquet", _metadata(told))
        lines += [
            json.dumps({**one, "file_name": f"{file_stem(split)}/{one['file_name']}"},
                       ensure_ascii=False)
            for one in told
        ]  # fmt: skip
    job.place.put("items.jsonl", "\n".join([*lines, ""]).encode())
    job.place.put("classes.json", json.dumps(folders, indent=1, ensure_ascii=False).encode())


def _metadata(told: list[dict[str, Any]]) -> bytes:
    types = {field.name: field.type for field in records.schema("items")}
    fields = [("file_name", pa.string()), *((name, types[name]) for name in COLUMNS)]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(told, pa.schema(fields)), sink, compression="zstd")
    return sink.getvalue()
