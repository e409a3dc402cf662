"""Tars of WebDataset: of each item an image, a mask, its class' number and what is told of it."""

import io
import json
import tarfile

from varifactory.exports.job import Encoded, Job, Shard


def write(job: Job) -> None:
    """A tar a shard; equal items give equal bytes."""
    for split in job.splits:
        for shard in job.shards(split, "tar"):
            if job.place.left(shard.name) is None:
                _write_shard(job, shard)


def _write_shard(job: Job, shard: Shard) -> None:
    numbers = {name: number for number, name in enumerate(job.classes)}
    with (
        job.place.file(shard.name) as file,
        tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for item in job.encoded(shard.rows):
            for extension, data in _members(item, job.extension, numbers.get(item.row["label"])):
                _add(tar, f"{item.stem}.{extension}", data)


def _members(item: Encoded, extension: str, target: int | None) -> list[tuple[str, bytes]]:
    told = {**item.told, "target": target}
    found = [
        (extension, item.picture.data),
        ("json", json.dumps(told, ensure_ascii=False).encode()),
    ]
    if target is not None:
        found.append(("cls", str(target).encode()))
    if item.mask:
        found.append(("mask.png", item.mask))
    return found


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    about = tarfile.TarInfo(name)  # no owner, no time: they would make equal items differ
    about.size = len(data)
    tar.addfile(about, io.BytesIO(data))
