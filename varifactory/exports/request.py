"""What is asked of an export, and which rows that means."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory import records
from varifactory.datasets import Dataset
from varifactory.errors import FactoryError
from varifactory.exports.encoding import Codec
from varifactory.keys import digest
from varifactory.recipe.study import EVERY
from varifactory.training.arms import ARMS, held_out, mixture

FORMS = ("hf", "webdataset", "imagefolder", "coco", "fiftyone")
VERSION = 1
"""Raised when the same request would give other files; part of every request."""
COLUMNS = (
    "key", "kind", "label", "split", "attribute", "feasibility", "value", "prompt", "editor",
    "index", "attempt", "paired", "forced", "status", "reason", "source_key", "pixel_sha256",
    "measured_value", "measured_class", "judged_feasibility", "presence", "class_score",
    "change_inside", "region_share", "predicted_iou",
)  # fmt: skip
"""What is told of every image beside its pixels; ``kind`` tells real images from edits."""
UNSPLIT = "train"
"""Where rows of a data set without splits go."""
_DEFAULTS: Mapping[str, Sequence[str]] = {"status": ("ok",)}
_BOOLS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Request:
    """All that decides an export's bytes, but for the data set and the versions of libraries."""

    form: str
    images: Codec = "jpeg"
    where: tuple[tuple[str, str], ...] = ()
    arm: str = ""
    arm_seed: int | None = None
    arm_attribute: str = EVERY
    """Whose edits the arm takes, as a cell of a study does."""
    arm_per_source: int = 0
    """Pairs of edits a real image and attribute; 0 takes all."""

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise FactoryError(f"--to {self.form!r}: give one of {', '.join(FORMS)}")
        if self.arm and (self.arm not in ARMS or ARMS[self.arm].synthetic == "copies"
                         or not ARMS[self.arm].trained):  # fmt: skip
            known = [name for name, arm in ARMS.items()
                     if arm.trained and arm.synthetic != "copies"]  # fmt: skip
            raise FactoryError(f"--arm {self.arm!r}: give one of {', '.join(known)}")
        if (self.arm_attribute != EVERY or self.arm_per_source) and not (
            self.arm and ARMS[self.arm].needs_edits
        ):
            raise FactoryError(
                "--arm-attribute and --arm-pairs choose among edits: give an --arm that has any, "
                "such as real+feasible"
            )

    def digest_of(self, data: Dataset) -> str:
        """Name of what this request makes of a data set: 64 hexadecimal digits."""
        manifest = data.manifest
        # What chooses among an arm's edits is left out where nothing is chosen: what was exported
        # before one could is found again.
        whole = {"arm_attribute": EVERY, "arm_per_source": 0}
        asked = {name: value for name, value in asdict(self).items()
                 if name not in whole or value != whole[name]}  # fmt: skip
        return digest({
            "version": VERSION, "request": asked, "dataset": manifest.dataset_hash,
            "name": manifest.name, "of": manifest.version,
        })  # fmt: skip


def splits_of(data: Dataset, request: Request) -> dict[str, pa.Table]:
    """Split -> its rows, sorted by key; of an arm, ``train`` holds the mixture it trains on and
    the other splits what it is measured on.

    Raises:
        FactoryError: a filter names an unknown column or value, or nothing is left.
    """
    # An arm knows by itself what is good enough for it: unfiltered takes what was refused.
    filters = _filters(data, request.where, {} if request.arm else _DEFAULTS)
    table = data.select(**filters).table()
    if request.arm:
        table = _of_arm(table, data.manifest.recipe, request)
    table = _as_told(table)
    table = table.filter(pc.is_valid(table["image_blob"]))
    if not len(table):
        raise FactoryError(
            f"nothing of {data.manifest.name!r} version {data.manifest.version} fits "
            f"{_said(request)}: no image was exported"
        )
    names = pc.fill_null(table["split"], UNSPLIT)
    splits = sorted(names.unique().to_pylist(), key=lambda name: (name != "train", name))
    return {name: table.filter(pc.equal(names, name)).sort_by("key") for name in splits}


def _filters(
    data: Dataset, where: Sequence[tuple[str, str]], usual: Mapping[str, Sequence[str]]
) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    schema = data.table().schema
    for column, text in where:
        if column not in schema.names:
            raise FactoryError(f"--where {column}={text}: there are the columns {schema.names}")
        found.setdefault(column, []).append(_value(column, text, schema.field(column).type))
    return {**{k: list(v) for k, v in usual.items()}, **found}


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
    found = mixture(
        request.arm, rows, rows, seed, editor=edits.get("editor") or "",
        attribute=request.arm_attribute, per_source=request.arm_per_source,
    )  # fmt: skip
    tested = [row for split in ("validation", "test") for row in held_out(rows, split)]
    # The mixture's own rows: of an unfiltered arm they show first attempts, not what was kept.
    return pa.Table.from_pylist([*found.real, *found.edits, *tested], schema=table.schema)


def _said(request: Request) -> str:
    words = [f"--where {column}={value}" for column, value in request.where]
    words += [f"--arm {request.arm}"] * bool(request.arm)
    words += [f"--arm-attribute {request.arm_attribute}"] * (request.arm_attribute != EVERY)
    words += [f"--arm-pairs {request.arm_per_source}"] * bool(request.arm_per_source)
    return " ".join(words) or "status ok"
