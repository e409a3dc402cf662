"""Edits made once more from what the store keeps of them, and compared; nothing is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory.catalog import Catalog
from varifactory.edits import edit_spec, make_edits
from varifactory.errors import ModelError
from varifactory.history.deviations import DIFFERENT, deviation
from varifactory.history.ledger import Found
from varifactory.history.provenance import place
from varifactory.images import decode_png
from varifactory.keys import spec_of
from varifactory.loading import images_of, masks_of, weights_of
from varifactory.models import Inpainter
from varifactory.recipe import Recipe
from varifactory.stages import Made
from varifactory.store import BlobError, Store

UNMADE = "not made"
"""Beside ``identical``, ``within tolerance`` and ``different``: nothing there to compare."""


@dataclass(frozen=True, slots=True)
class Remade:
    """How one item came out again."""

    key: str
    word: str
    """``identical``, ``within tolerance``, ``different`` or ``not made``."""
    told: str
    made_on: tuple[str, str]
    """Device and libraries, as JSON, that it was made with."""

    @property
    def good(self) -> bool:
        """Whether nobody need look at it."""
        return self.word not in (DIFFERENT, UNMADE)


def remade_edits(
    store: Store,
    found: Sequence[Found],
    recipe: Recipe,
    inpainter: Inpainter,
    catalog: Catalog,
) -> Iterator[Remade]:
    """Edits of one editor, batch by batch.

    Raises:
        ModelError: the editor cannot be loaded.
    """
    size = recipe.run.batch_size
    # Rows of one adapter follow each other, so that it is put on once.
    ordered = sorted(found, key=lambda one: (str(one.row.get("adapter_blob")), one.key))
    for start in range(0, len(ordered), size):
        yield from _batch(store, ordered[start : start + size], recipe, inpainter, catalog)


def _batch(
    store: Store, found: Sequence[Found], recipe: Recipe, inpainter: Inpainter, catalog: Catalog
) -> Iterator[Remade]:
    rows = [one.row for one in found]
    try:
        images, masks = images_of(store, rows, "source_blob"), masks_of(store, rows, "mask_blob")
        weights = weights_of(store, rows, "adapter_blob", {})
        kept = images_of(store, rows, "image_blob")
        made = make_edits(rows, images, masks, inpainter, catalog, recipe.edits, weights)
    except ModelError:
        raise
    except Exception as error:
        if len(found) == 1:
            yield _unmade(found[0], error)
            return
        for one in found:  # apart, so that only the bad one is not made
            yield from _batch(store, [one], recipe, inpainter, catalog)
        return
    for one, image, old, new in zip(found, images, kept, made, strict=True):
        yield _compared(one, image, old, new)


def _compared(found: Found, source: Any, kept: Any, made: Made) -> Remade:
    if made.row["status"] != "ok":
        told = f"now {made.row['status']}: {made.row['reason']}"
        return Remade(found.key, DIFFERENT, told, place(found.row))
    apart = deviation(kept, decode_png(made.blobs["image_blob"]), source)
    return Remade(found.key, apart.word, apart.told(), place(found.row))


def _unmade(found: Found, error: Exception) -> Remade:
    lost = "its picture or what it was made from is lost" if isinstance(error, BlobError) else ""
    told = f"{lost or type(error).__name__}: {error}"
    return Remade(found.key, UNMADE, told, place(found.row))


def changed_fields(
    recipe: Recipe, inpainter: Inpainter, spec: str, recorded: Mapping[str, Any]
) -> list[str]:
    """What of the editor and its settings is not as it was when edits of a spec were made.

    Empty where the spec comes out the same.
    """
    fields = edit_spec(recipe, inpainter)
    if spec_of("edits", fields) == spec:
        return []
    return differing(recorded, fields) or ["the stage's code has another version"]


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """``inpainter.weights: 'a' → 'b'``, a line a field."""
    old, new = _flat(before), _flat(after)
    return [
        f"{name}: {old.get(name)!r} → {new.get(name)!r}"
        for name in sorted(old.keys() | new.keys())
        if before and old.get(name) != new.get(name)
    ]


def _flat(fields: Mapping[str, Any], front: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{front}{name}.")
        else:
            found[f"{front}{name}"] = value
    return found
