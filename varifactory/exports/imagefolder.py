"""``<split>/<class>/<key>.jpg`` as torchvision and Hugging Face read folders, with a metadata.jsonl
a split that tells what a path cannot."""

import json
from typing import Any

from varifactory.exports.encoding import encode
from varifactory.exports.job import Job
from varifactory.exports.naming import file_stem, folder_names
from varifactory.loading import read_blob
from varifactory.stages import Row

UNLABELLED = "unlabelled"


def write(job: Job) -> None:
    """Images, then each split's metadata, then which folder is which class."""
    folders = folder_names(job.classes)
    for split, rows in job.splits.items():

        def put(row: Row, split: str = split) -> dict[str, Any]:
            folder = folders.get(row["label"], UNLABELLED)
            name = f"{folder}/{file_stem(row['key'])}.{job.extension}"
            path = f"{file_stem(split)}/{name}"
            if job.place.left(path) is None:
                master = read_blob(job.data.store, row["image_blob"])
                job.place.put(path, encode(master, job.codec).data)
            told = {name: value for name, value in row.items() if not name.endswith("_blob")}
            return {"file_name": name, **told}

        lines = [json.dumps(told, ensure_ascii=False) for told in job.each(rows, put)]
        job.place.put(f"{file_stem(split)}/metadata.jsonl", "\n".join([*lines, ""]).encode())
    job.place.put("classes.json", json.dumps(folders, indent=1, ensure_ascii=False).encode())
