"""A folder that FiftyOne imports as its ``LegacyFiftyOneDataset``.

Of its two own forms this one names no version of its database. Classes, masks and all that is told
become fields.
"""

import json
from functools import partial
from typing import Any

from varifactory.exports.job import Job
from varifactory.stages import Row

MASKS = "fields/object"
"""Where its importer looks for the files of the field ``object``."""


def write(job: Job) -> None:
    """Images and masks, then the samples."""
    samples = [
        sample
        for split, rows in job.splits.items()
        for sample in job.each(rows, partial(_sample, job, split))
    ]
    manifest = job.data.manifest
    about = {
        "name": f"{manifest.name}-{manifest.version}",
        "media_type": "image",
        "default_classes": list(job.classes),
        "info": {"dataset": manifest.name, "version": manifest.version,
                 "dataset_hash": manifest.dataset_hash},
    }  # fmt: skip
    job.place.put("metadata.json", json.dumps(about, ensure_ascii=False).encode())
    job.place.put("samples.json", json.dumps({"samples": samples}, ensure_ascii=False).encode())


def _sample(job: Job, split: str, row: Row) -> dict[str, Any]:
    item = job.encode(row)
    image, mask = f"data/{item.stem}.{job.extension}", f"{MASKS}/{item.stem}.png"
    if job.place.left(image) is None:
        job.place.put(image, item.picture.data)
    told = {name: value for name, value in item.told.items()
            if value is not None and name not in ("label", "split")}  # fmt: skip
    found = {"filepath": image, "tags": [split], **told}
    if row["label"] is not None:
        found["ground_truth"] = {"_cls": "Classification", "label": row["label"]}
    if item.mask:
        if job.place.left(mask) is None:
            job.place.put(mask, item.mask)
        found["object"] = {"_cls": "Segmentation", "mask_path": mask}
    return found
