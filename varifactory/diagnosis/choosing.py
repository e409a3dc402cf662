"""Which items of data set versions a diagnosis compares, before any of them has a vector."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.catalog.taxonomy import UNCHANGED
from varifactory.diagnosis.checking import PopulationError, check_sides, target_labels
from varifactory.loading import items_table
from varifactory.stages import Row
from varifactory.store import Manifest, Store

COLUMNS = ("kind", "status", "split", "label", "pixel_sha256", "image_blob", "source_key",
           "attribute", "feasibility", "prompt", "key")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """The items of a data set version that a diagnosis is about, in an order of their content."""

    real: tuple[Row, ...]
    synthetic: tuple[Row, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """All of them: what must be embedded."""
        return (*self.real, *self.synthetic)

    @property
    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Of the real and of the synthetic images; empty text of one that has none."""
        return labels_of(self.real), labels_of(self.synthetic)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(sorted(set(labels_of(self.rows))))

    @property
    def prompts(self) -> tuple[str, ...]:
        """A synthetic image each; empty text where none is known."""
        return tuple(str(row["prompt"] or "") for row in self.synthetic)


def chosen(items: pa.Table, reference: Sequence[str]) -> Chosen:
    """Accepted edits and foreign images of other splits than test, and the accepted real images of
    the reference's splits.

    Unchanged edits are left out: they show what editing alone does, as controls.

    Args:
        items: of a data set version, ``records.STAGES["items"]``.
        reference: splits of the real images.
    """
    good = items.filter(pc.equal(items["status"], "ok")).select(list(COLUMNS)).to_pylist()
    real = [row for row in good if row["kind"] == "source" and row["split"] in reference]
    synthetic = [row for row in good if row["kind"] != "source" and row["split"] != "test"
                 and row["feasibility"] != UNCHANGED]  # fmt: skip
    return Chosen(_ordered(real), _ordered(synthetic))


def _ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: (row["label"] or "", row["pixel_sha256"] or "",
                                               row["key"])))  # fmt: skip


def labels_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Empty text of one that has none."""
    return tuple(str(row["label"] or "") for row in rows)


def compared(store: Store, manifest: Manifest, reference: Sequence[str]) -> Chosen:
    """The items that a diagnosis of a version compares, with or without their vectors.

    Raises:
        PopulationError: no figure can be made of them.
    """
    found = chosen(items_table(store, manifest), reference)
    check_sides(f"{manifest.name}@{manifest.version}", *found.labels)
    return found


def target_rows(store: Store, manifest: Manifest) -> tuple[Row, ...]:
    """The items of a target: its real training images.

    Raises:
        PopulationError: there is none.
    """
    rows = chosen(items_table(store, manifest), ("train",)).real
    if not rows:
        raise PopulationError(
            f"the target {manifest.name}@{manifest.version} has no real training image: give "
            "another data set as diagnosis.target"
        )
    return rows


def target_of(
    store: Store, manifest: Manifest, synthetic: Sequence[str]
) -> tuple[tuple[Row, ...], tuple[str, ...], tuple[str, ...]]:
    """The items of a target, the labels by which they are compared, and notes on these.

    Args:
        store: where it lies.
        manifest: of the target.
        synthetic: the label of each synthetic image.

    Raises:
        PopulationError: there is no such item, or its classes are others.
    """
    rows = target_rows(store, manifest)
    name = f"the target {manifest.name}@{manifest.version}"
    return (rows, *target_labels(name, labels_of(rows), synthetic))
