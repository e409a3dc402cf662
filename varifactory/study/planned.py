"""What the recipe of a study planned to compare, whatever became of its cells."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import product
from typing import Any

from varifactory.store.studies import StudyManifest
from varifactory.study.figures import Missing
from varifactory.study.questions import Asked, Cells, Place, place_of
from varifactory.training.arms import ARMS
from varifactory.training.grid import Factors, Stratum, needed, possible

UNPAIRED = "the two sides share no seed"


def planned_places(manifest: StudyManifest, order: Mapping[str, Sequence[Any]]) -> list[Place]:
    """Every place of the recipe's grid, and those of cells that the manifest lists besides.

    ``order`` is each factor's values, as ``counting.order_of`` gives them.
    """
    training: Mapping[str, Any] = manifest.recipe.get("training") or {}
    arms = [arm for arm in training.get("arms") or () if arm in ARMS]
    found: dict[Place, None] = {}
    for values in product(*order.values()):
        stratum = Stratum(**dict(zip(order, values, strict=True)))
        for arm in arms:
            if possible(arm, stratum.trainee):
                found[Place(needed(Factors(stratum, arm, 0, 0)).stratum, arm)] = None
    return list(found | dict.fromkeys(place_of(cell)[0] for cell in manifest.cells))


def missing(
    lacking: Iterable[Asked], cells: Cells, manifest: StudyManifest, why: Mapping[str, str]
) -> tuple[Missing, ...]:
    """What is said of planned comparisons that the cells do not give.

    ``why`` says of each cell that is in no figure what became of it, by its key.
    """
    reasons = _reasons(manifest, why)
    return tuple(
        Missing(
            one.question, one.stratum, one.first.arm, one.second.arm,
            "; ".join(_told(one, cells, reasons)) or UNPAIRED,
        )
        for one in lacking
    )  # fmt: skip


def _told(one: Asked, cells: Cells, reasons: Mapping[Place, Sequence[str]]) -> Iterator[str]:
    for place in (one.first, one.second):
        if place not in cells:
            yield f"{place.arm}: {', '.join(reasons.get(place, ['the study has no cell of it']))}"


def _reasons(manifest: StudyManifest, why: Mapping[str, str]) -> Mapping[Place, list[str]]:
    """Each reason once, in the order of the cells."""
    found: dict[Place, dict[str, None]] = defaultdict(dict)
    for cell in manifest.cells:
        if cell.key in why:
            found[place_of(cell)[0]][why[cell.key]] = None
    for place, reason in _unplanned(manifest):
        found[place][reason] = None
    return {place: list(reasons) for place, reasons in found.items()}


def unplanned_notes(manifest: StudyManifest) -> list[str]:
    """Arms of which no cell could be made, each with each reason once."""
    return list(dict.fromkeys(
        f"{place.arm} could not be trained and is in no figure: {reason}"
        for place, reason in _unplanned(manifest)
    ))  # fmt: skip


def _unplanned(manifest: StudyManifest) -> Iterator[tuple[Place, str]]:
    factors = [one.name for one in fields(Stratum)]
    for told in manifest.provenance.get("unplanned") or ():
        stratum = Stratum(**{name: told[name] for name in factors if name in told})
        yield (
            Place(needed(Factors(stratum, told["arm"], 0, 0)).stratum, told["arm"]),
            told["reason"],
        )
