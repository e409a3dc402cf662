"""A user's own table of vectors, checked row by row: which images, of which class and side.

| column | what it holds |
|---|---|
| image | the user's name of the image, once a side |
| class | its class name, text or a whole number; may be empty for a target |
| source | ``real``, ``synthetic`` or ``target`` |
| encoder | who made the vector; one for the whole table |
| vector | numbers, all rows of one length |
| attribute | optional: what was changed |
| prompt | optional: text it was made from |
| made_from | optional: image of source ``real`` that a synthetic one was made from |
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from varifactory.diagnosis.checking import PopulationError, listed, ordinal, shown
from varifactory.embeddings import Vectors

NEEDED = ("image", "class", "source", "encoder", "vector")
OPTIONAL = ("attribute", "prompt", "made_from")
SIDES = ("real", "synthetic", "target")
"""Values of the column ``source``."""


@dataclass(frozen=True, slots=True)
class UserVectors:
    """The rows of a table, as they stand there."""

    name: str
    encoder: str
    images: tuple[str, ...]
    labels: tuple[str, ...]
    sides: NDArray[np.str_]
    vectors: Vectors
    """(rows, width), of any length; not yet looked at."""
    optional: dict[str, tuple[str, ...]]
    """Column -> texts, empty where there are none."""

    def places(self, side: str) -> NDArray[np.intp]:
        """Rows of a side."""
        return np.flatnonzero(self.sides == side)


def read_user_vectors(given: str | Path | pa.Table) -> UserVectors:
    """The rows of a Parquet file or an Arrow table.

    Raises:
        PopulationError: it cannot be read, lacks a column, or a row cannot be used; the message
            names the first.
    """
    name = "the table" if isinstance(given, pa.Table) else Path(given).name
    table = given if isinstance(given, pa.Table) else _read(Path(given))
    _check_columns(name, table)
    images, labels, sides, encoders = (_texts(name, table, column) for column in NEEDED[:4])
    _check_sides(name, sides)
    _check_images(name, images, sides)
    encoder = _one_encoder(name, encoders, images)
    optional = {column: _texts(name, table, column) for column in OPTIONAL
                if column in table.column_names}  # fmt: skip
    vectors = _vectors(name, table["vector"], images)
    return UserVectors(name, encoder, images, labels, np.array(sides), vectors, optional)


def _read(path: Path) -> pa.Table:
    try:
        columns = [one for one in pq.read_schema(path).names if one in (*NEEDED, *OPTIONAL)]
        return pq.read_table(path, columns=columns)
    except FileNotFoundError:
        raise PopulationError(f"no table at {path}: give a Parquet file of vectors") from None
    except (OSError, pa.ArrowException) as error:
        raise PopulationError(f"{path} cannot be read as a Parquet table: {error}") from None


def _check_columns(name: str, table: pa.Table) -> None:
    if absent := [column for column in NEEDED if column not in table.column_names]:
        raise PopulationError(
            f"{name} has no column {listed(map(shown, absent))}: a table of vectors has the "
            f"columns {', '.join(NEEDED)}, and may have {', '.join(OPTIONAL)}"
        )
    if not len(table):
        raise PopulationError(f"{name} holds no rows: give a row an image")


def _texts(name: str, table: pa.Table, column: str) -> tuple[str, ...]:
    """The column as stripped text; nulls are empty."""
    try:
        found = pc.fill_null(pc.cast(table[column], pa.string()), "")
    except pa.ArrowException:
        raise PopulationError(
            f"column {column!r} of {name} is of type {table[column].type}: give text"
        ) from None
    return tuple(pc.utf8_trim_whitespace(found).to_pylist())


def _check_sides(name: str, sides: Sequence[str]) -> None:
    if wrong := [(at, side) for at, side in enumerate(sides) if side not in SIDES]:
        at, side = wrong[0]
        raise PopulationError(
            f"{len(wrong)} of {len(sides)} rows of {name} have an unknown source, the "
            f"{ordinal(at + 1)} has {shown(side)}: give {', '.join(SIDES)}"
        )


def _check_images(name: str, images: Sequence[str], sides: Sequence[str]) -> None:
    if bare := [at for at, image in enumerate(images) if not image]:
        raise PopulationError(
            f"{len(bare)} of {len(images)} rows of {name} name no image, the first is the "
            f"{ordinal(bare[0] + 1)}: give each a name, for findings are told by it"
        )
    counts = Counter(zip(images, sides, strict=True))
    twice = [(image, side, count) for (image, side), count in counts.items() if count > 1]
    if twice:
        image, side, count = twice[0]
        raise PopulationError(
            f"{len(twice)} images of {name} come more than once, such as the {side} image "
            f"{shown(image)} ({count} times): give every image one row"
        )


def _one_encoder(name: str, encoders: Sequence[str], images: Sequence[str]) -> str:
    counts = Counter(encoders)
    if counts[""]:
        raise PopulationError(
            f"{counts['']} of {len(encoders)} rows of {name} name no encoder, such as that of "
            f"{shown(images[encoders.index('')])}: say who made the vector, for those of two "
            "encoders cannot be compared"
        )
    if len(counts) > 1:
        told = listed(f"{shown(one)} ({count} rows)" for one, count in counts.most_common())
        raise PopulationError(
            f"{name} mixes {len(counts)} encoders, whose vectors cannot be compared: {told}; "
            "embed all images with one, or give a table for each"
        )
    return encoders[0]


def _vectors(name: str, column: pa.ChunkedArray, images: Sequence[str]) -> Vectors:
    kind, lists = column.type, (pa.ListType, pa.LargeListType, pa.FixedSizeListType)
    inner = kind.value_type if isinstance(kind, lists) else pa.null()
    if not (pa.types.is_floating(inner) or pa.types.is_integer(inner)):
        raise PopulationError(
            f"column 'vector' of {name} is of type {kind}: give lists of numbers, such as "
            "list<float>"
        )
    _check_lengths(name, column, images)
    flat = pc.cast(pc.list_flatten(column), pa.float64(), safe=False).combine_chunks()
    numbers = pc.fill_null(flat, float("nan")).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):  # becomes an infinity, which is refused with the image's name
        found: Vectors = numbers.reshape(len(column), -1).astype(np.float32)
    return found


def _check_lengths(name: str, column: pa.ChunkedArray, images: Sequence[str]) -> None:
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    if (lengths == 0).any():
        first = images[int(np.argmax(lengths == 0))]
        raise PopulationError(
            f"{int((lengths == 0).sum())} of {len(lengths)} images of {name} have no vector, such "
            f"as {shown(first)}: embed them, or leave them out"
        )
    widths = Counter(lengths.tolist()).most_common()
    if len(widths) > 1:
        odd = images[int(np.argmax(lengths != widths[0][0]))]
        raise PopulationError(
            f"vectors of {name} are of several lengths ("
            f"{listed(f'{width} in {count} rows' for width, count in widths)}), such as that of "
            f"{shown(odd)}: one encoder gives one length"
        )
