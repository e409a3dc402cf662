"""COCO: images by split, and a JSON a split with the object's mask of each image that has one."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.exports.job import Job
from varifactory.exports.naming import file_stem
from varifactory.stages import Row


def write(job: Job) -> None:
    """Images, then the annotations of each split."""
    numbers = {name: number for number, name in enumerate(job.classes, start=1)}
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    for split, rows in job.splits.items():

        def put(row: Row, split: str = split) -> tuple[Row, Row | None]:
            item = job.encode(row)
            name = f"{item.stem}.{job.extension}"
            path = f"{file_stem(split)}/{name}"
            if job.place.left(path) is None:
                job.place.put(path, item.picture.data)
            size = {"width": item.picture.width, "height": item.picture.height}
            shape = None if item.mask_array is None else annotation(item.mask_array)
            return {"file_name": name, **size, **item.told}, shape

        images: list[Row] = []
        annotations: list[Row] = []
        for number, (image, shape) in enumerate(job.each(rows, put), start=1):
            images.append({"id": number, **image})
            if shape and image["label"] in numbers:
                about = {"id": len(annotations) + 1, "image_id": number, "iscrowd": 0}
                annotations.append({**about, "category_id": numbers[image["label"]], **shape})
        found = {"images": images, "annotations": annotations, "categories": categories}
        job.place.put(f"annotations/instances_{file_stem(split)}.json",
                      json.dumps(found, ensure_ascii=False).encode())  # fmt: skip


def annotation(mask: NDArray[np.bool_]) -> Row | None:
    """Run lengths, area (pixels) and box (x, y, width, height) of a mask; None for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    return {
        "segmentation": {"size": list(mask.shape), "counts": packed(run_lengths(mask))},
        "area": int(mask.sum()),
        "bbox": [int(number) for number in box],
    }


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of runs down the columns, the first of them of pixels that are not set."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]]))
    return [*([0] if flat[0] else []), *map(int, lengths)]


def packed(lengths: list[int]) -> str:
    """Run lengths as COCO's text: six bits a character, each length from the third on told by
    its difference to the one before the last."""
    text: list[Any] = []
    for at, length in enumerate(lengths):
        left = length - lengths[at - 2] if at > 2 else length
        while True:
            bits = left & 0x1F
            left >>= 5
            more = left != -1 if bits & 0x10 else left != 0
            text.append(chr((bits | 0x20 if more else bits) + 48))
            if not more:
                break
    return "".join(text)
