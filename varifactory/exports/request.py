"""What is asked of an export, and which rows that means."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory import records
from varifactory.arms import ARMS, held_out, mixture
from varifactory.datasets import Dataset
from varifactory.errors import FactoryError
from varifactory.exports.encoding import Codec
from varifactory.keys import digest

FORMS = ("hf", "webdataset", "imagefolder", "coco", "fiftyone")
VERSION = 1
"""Raised when the same request would give other files; part of every request."""
COLUMNS = (
    "key", "kind", "label", "split", "attribute", "feasibility", "value", "prompt", "editor",
    "index", "attempt", "paired", "forced", "status", "reason", "source_key", "pixel_sha256",
    "measured_value", "measured_class", "judged_feasibility", "presence", "class_score",
    "change_inside", "predicted_iou",
)  # fmt: skip
"""What is told of every image beside its pixels; ``kind`` tells real images from edits."""
UNSPLIT = "train"
"""Where rows of a data set without splits go."""
_DEFAULTS = {"status": ("ok",)}
_BOOLS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Request:
    """All that decides an export's bytes, but for the data set and the versions of libraries."""

    form: str
    images: Codec = "jpeg"
    where: tuple[tuple[str, str], ...] = ()
    arm: str = ""
    arm_seed: int | None = None

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise FactoryError(f"--to {self.form!r}: give one of {', '.join(FORMS)}")
        if self.arm and (self.arm not in ARMS or ARMS[self.arm].synthetic == "copies"
                         or not ARMS[self.arm].trained):  # fmt: skip
            known = [name for name, arm in ARMS.items()
                     if arm.trained and arm.synthetic != "copies"]  # fmt: skip
            raise FactoryError(f"--arm {self.arm!r}: give one of {', '.join(known)}")

    def digest_of(self, data: Dataset) -> str:
        """Name of what this request makes of a data set: 64 hexadecimal digits."""
        manifest = data.manifest
        return digest({
            "version": VERSION, "request": asdict(self), "dataset": manifest.dataset_hash,
            "name": manifest.name, "of": manifest.version,
        })  # fmt: skip


def splits_of(data: Dataset, request: Request) -> dict[str, pa.Table]:
    """Split -> its rows, sorted by key; of an arm, ``train`` holds the mixture it trains on and
    the other splits what it is measured on.

    Raises:
        FactoryError: a filter names an unknown column or value, or nothing is left.
    """
    chosen = data.select(**_filters(data, request.where))
    table = _as_told(chosen.table())
    if request.arm:
        table = _of_arm(table, data.manifest.recipe, request)
    table = table.filter(pc.is_valid(table["image_blob"]))
    if not len(table):
        raise FactoryError(
            f"nothing of {data.manifest.name!r} version {data.manifest.version} fits "
            f"{_said(request)}: no image was exported"
        )
    names = pc.fill_null(table["split"], UNSPLIT)
    splits = sorted(names.unique().to_pylist(), key=lambda name: (name != "train", name))
    return {name: table.filter(pc.equal(names, name)).sort_by("key") for name in splits}


def _filters(data: Dataset, where: Sequence[tuple[str, str]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    schema = data.table().schema
    for column, text in where:
        if column not in schema.names:
            raise FactoryError(f"--where {column}={text}: there are the columns {schema.names}")
        found.setdefault(column, []).append(_value(column, text, schema.field(column).type))
    return {**{k: list(v) for k, v in _DEFAULTS.items()}, **found}


def _value(column: str, text: str, kind: pa.DataType) -> Any:
    """A value as it was typed, of a column's type; an empty one means null."""
    if text == "":
        return None
    try:
        if pa.types.is_boolean(kind):
            return _BOOLS[text.lower()]
        return pa.scalar(text).cast(kind).as_py()
    except (KeyError, pa.ArrowException):
        raise FactoryError(f"--where {column}={text}: a value of type {kind} is needed") from None


def _as_told(table: pa.Table) -> pa.Table:
    """The told columns and the pictures' names, each of its type, null where nobody wrote it."""
    schema = records.schema("items")
    columns = {}
    for name in (*COLUMNS, "image_blob", "mask_blob"):
        kind = schema.field(name).type
        found = table[name] if name in table.column_names else pa.nulls(len(table), kind)
        columns[name] = pc.cast(found, kind)
    return pa.table(columns)


def _of_arm(table: pa.Table, recipe: Mapping[str, Any], request: Request) -> pa.Table:
    rows = table.to_pylist()
    training, edits = recipe.get("training") or {}, recipe.get("edits") or {}
    seeds = training.get("seeds") or [1]
    seed = seeds[0] if request.arm_seed is None else request.arm_seed
    found = mixture(request.arm, rows, rows, seed, editor=edits.get("editor") or "")
    tested = [row for split in ("validation", "test") for row in held_out(rows, split)]
    wanted = {row["key"] for row in (*found.real, *found.edits, *tested)}
    return table.filter(pc.is_in(table["key"], value_set=pa.array(sorted(wanted), pa.string())))


def _said(request: Request) -> str:
    words = [f"--where {column}={value}" for column, value in request.where]
    return " ".join(words + [f"--arm {request.arm}"] * bool(request.arm)) or "status ok"
