"""Verdicts that are asked for: one row a different question, keyed by exactly what a judge sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory import keys
from varifactory.catalog import Attribute, Catalog
from varifactory.models import Judge
from varifactory.recipe import Recipe
from varifactory.stages import Row

UNPLACED = "unplaced"
"""Stands in a verdict's key for the mask of an edit that is judged without one."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the edits of a run may show: all of it, so that it gives away nothing of one edit."""

    values: Mapping[str, tuple[str, ...]]
    """Attribute -> every value, sorted."""
    class_names: tuple[str, ...]
    """Sorted."""


def verdict_spec(recipe: Recipe, judge: Judge) -> dict[str, Any]:
    """What all verdicts of a judge share; no threshold is among it."""
    return {"judge": dict(judge.identity)}


def all_choices(written: Sequence[Row], catalog: Catalog) -> Choices:
    """The values of every attribute, of the catalog and of all written prompts, and the classes.

    Both feasibilities of all classes, whatever became of their edits: the choices of a run are
    known before its first edit, and stay the same in every attempt.
    """
    values = {name: set(entry.values) for name, entry in catalog.attributes.items()}
    for row in written:
        values.setdefault(row["attribute"], set()).add(row["value"])
    return Choices(
        {name: tuple(sorted(found)) for name, found in sorted(values.items())},
        tuple(sorted({row["label"] for row in written})),
    )


def read_by(judge: Judge, choices: Choices) -> Choices | None:
    """The choices for a judge that reads them (``reads_choices`` in its identity), else None."""
    return choices if judge.identity.get("reads_choices") else None


def plan_verdicts(
    spec: str, edit_rows: Sequence[Row], catalog: Catalog, read: Choices | None = None
) -> list[Row]:
    """One row a different question; edits that show a judge the same share a verdict.

    Give it the edits worth judging: made, and passed by their gate. ``by_edit`` finds each edit's
    verdict again, given the same ``read``: what ``read_by`` says of the judge.
    """
    keys_of = asked_keys(spec, edit_rows, catalog, read)
    planned: dict[str, Row] = {}
    for edit in edit_rows:
        key = keys_of[edit["key"]]
        planned.setdefault(
            key,
            {
                "key": key,
                "label": edit["label"],
                "edit_key": edit["key"],
                **{name: edit[name] for name in ("pixel_sha256", "image_blob", "attribute")},
                **{
                    name: edit[name] if placed(edit) else None
                    for name in ("mask_sha256", "mask_blob")
                },
            },
        )
    return list(planned.values())


def asked_keys(
    spec: str, edit_rows: Sequence[Row], catalog: Catalog, read: Choices | None = None
) -> dict[str, str]:
    """Edit key -> key of the verdict on it, of edits that can be judged at all."""
    seen = {name: keys.encoded(shown) for name, shown in _all_shown(catalog, read).items()}
    in_spec = keys.encoded(spec)
    return {
        edit["key"]: _key(in_spec, edit, seen[edit["attribute"]])
        for edit in edit_rows
        if edit.get("pixel_sha256") and edit["attribute"] in seen
    }


def placed(edit: Row) -> bool:
    """Whether the object still lies where its source's mask says.

    An edit that is no inpainting is a new picture as a whole. What was never edited is in place.
    """
    return edit.get("kind") in (None, "inpaint")


def by_edit(
    spec: str,
    edit_rows: Sequence[Row],
    verdict_rows: Sequence[Row],
    catalog: Catalog,
    read: Choices | None = None,
) -> dict[str, Row]:
    """Edit key -> its verdict; edits without one (never asked, or lost) are absent."""
    found = {row["key"]: row for row in verdict_rows}
    asked = asked_keys(spec, edit_rows, catalog, read)
    return {edit: found[key] for edit, key in asked.items() if key in found}


def _all_shown(catalog: Catalog, read: Choices | None) -> dict[str, str]:
    return {name: _shown(entry, read) for name, entry in catalog.attributes.items()}


def _shown(attribute: Attribute, read: Choices | None) -> str:
    """Hash of what of an attribute can reach an answer.

    Its words reach only a judge that reads the choices, and then all of them do.
    """
    shown: dict[str, Any] = {
        "measure": attribute.measure,
        "values": {name: dict(value.paint) for name, value in attribute.values.items()},
    }
    if read is not None:
        shown["choices"] = read.values.get(attribute.name, ())
        shown["class_names"] = read.class_names
        shown["phrases"] = {name: value.phrase for name, value in attribute.values.items()}
        shown["region"] = attribute.region
        shown["templates"] = attribute.templates
    return keys.digest(shown)


def _key(spec: keys.Encoded, edit: Row, shown: keys.Encoded) -> str:
    return keys.digest(
        {
            "spec": spec,
            "pixels": edit["pixel_sha256"],
            "mask": edit["mask_sha256"] if placed(edit) else UNPLACED,
            "attribute": edit["attribute"],
            "shown": shown,
        }
    )
