"""A data set copied out of its store in another library's form."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import PIL
import pyarrow as pa

from varifactory import __version__
from varifactory.datasets import Dataset
from varifactory.errors import FactoryError
from varifactory.exports.job import SHARD_BYTES, Job
from varifactory.exports.places import FolderPlace, Place, StorePlace
from varifactory.exports.request import Request, splits_of
from varifactory.keys import digest


def export_copy(
    data: Dataset, request: Request, out: Path | None = None, shard_bytes: int = SHARD_BYTES
) -> dict[str, Any]:
    """Write a data set in a form, or adopt the same export that is there already.

    Args:
        data: the whole version; ``request`` says which rows of it.
        request: what to write.
        out: a folder; None: into the store, beside the version's gallery.
        shard_bytes: of a shard, about.

    Returns:
        The export's manifest, with ``path`` (where it lies) and ``adopted``.

    Raises:
        FactoryError: nothing to write, or ``out`` holds something else.
        BlobError: an image is lost or corrupt; nothing is called finished then.
    """
    wanted = request.digest_of(data)
    place = _place(data, request, _files(wanted, shard_bytes), out)
    found = place.manifest()
    if found is None:
        job = Job(data, splits_of(data, request), request.images, place, shard_bytes)
        said = _written(job, {**_about(data, request, job), "request": wanted})
        return {**said, "path": place.shown, "adopted": False}
    if found["request"] != wanted:
        raise FactoryError(
            f"{place.shown} holds another export ({found.get('form')} of {found.get('dataset')}): "
            "nothing was changed; give another --out"
        )
    return {**found, "path": place.shown, "adopted": True}


def _written(job: Job, about: Mapping[str, Any]) -> dict[str, Any]:
    form: Callable[[Job], None] = import_module(f"varifactory.exports.{about['form']}").write
    place = job.place
    try:
        place.begin()
        form(job)
        return place.close(about)
    except OSError as error:
        raise FactoryError(
            f"cannot write the export to {place.shown}: {error.strerror or error}. Nothing is "
            "called finished; the same command goes on once that is mended"
        ) from error
    finally:
        place.release()


def _files(wanted: str, shard_bytes: int) -> str:
    """Names all that decides which files an export has, and their bytes.

    What a killed try of other libraries or another shard size left is not mixed with ours.
    """
    return digest([wanted, _libraries(), shard_bytes])


def _place(data: Dataset, request: Request, files: str, out: Path | None) -> Place:
    manifest = data.manifest
    if out is None:
        folder = f"{request.form}-{files[:8]}"
        return StorePlace(data.store, manifest.name, manifest.version, folder)
    return FolderPlace(out, files)


def _about(data: Dataset, request: Request, job: Job) -> Mapping[str, Any]:
    manifest = data.manifest
    return {
        **asdict(request),
        "dataset": f"{manifest.name}@{manifest.version}",
        "dataset_hash": manifest.dataset_hash,
        "rows": {split: len(rows) for split, rows in job.splits.items()},
        "classes": list(job.classes),
        "libraries": _libraries(),
    }


def _libraries() -> dict[str, str]:
    """Whose versions decide the bytes; equal ones give equal exports."""
    return {"varifactory": __version__, "pillow": PIL.__version__, "pyarrow": pa.__version__}
