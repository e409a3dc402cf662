"""The grid of a study: which data sets it needs and which cells are trained on them.

A factor that a cell does not depend on is empty, so that cells which are the same are one cell: the
arm ``real`` knows no attribute, and a generation seed only moves edits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, product

import yaml

from varifactory.keys import digest
from varifactory.recipe import Recipe
from varifactory.recipe.study import EVERY
from varifactory.training.arms import ARMS

ZERO_SHOT = "clip-lora"
"""The trainee that knows classes by their names, before it is trained."""
PROBE = "linear-probe"
"""The trainee of stored vectors, which no augmentation reaches."""
LONGEST_NAME = 64
"""Of a data set, as the recipe allows it."""
MIXED, BRIDGED = "mixed", "bridged"


@dataclass(frozen=True, slots=True)
class Variant:
    """One data set of a study."""

    recipe: Recipe
    dataset: str = ""
    """Of ``study.datasets``; empty for the recipe's own images."""
    sweep: str = ""
    """Settings of this combination, ``edits.guidance=2.0 prompts.per_pool=4``."""
    generation_seed: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Stratum:
    """What two cells that are compared have in common."""

    dataset: str = ""
    sweep: str = ""
    trainee: str = ""
    augmentation: str = ""
    attribute: str = ""
    """``all``, or one alone; empty of a cell without edits."""
    per_source: int = 0
    """Pairs of edits a real image and attribute; 0: all there are, or no edits at all."""
    schedule: str = ""
    """``mixed`` or ``bridged``; empty of a cell that trains on one kind of images alone."""


@dataclass(frozen=True, slots=True, order=True)
class Factors:
    """One cell of the grid."""

    stratum: Stratum
    arm: str
    generation_seed: int
    """0 of a cell without edits."""
    seed: int
    """Training seed."""


def variants(recipe: Recipe) -> list[Variant]:
    """The data sets of a study, in the order of the recipe; names follow from what differs."""
    study = recipe.study
    sets = [(one.name, one.settings) for one in study.datasets] or [("", ())]
    swept = list(_combinations(recipe))
    seeds = study.generation_seeds or (recipe.seed,)
    wanted = list(product(sets, swept, seeds))
    names = [_name(recipe, name, settings, seed) for (name, _), settings, seed in wanted]
    return [
        _variant(recipe, dataset, [*own, *settings], " ".join(settings), seed,
                 name if names.count(name) == 1 else _marked(name, settings))
        for ((dataset, own), settings, seed), name in zip(wanted, names, strict=True)
    ]  # fmt: skip


def _combinations(recipe: Recipe) -> Iterator[list[str]]:
    keys = [one.key for one in recipe.study.sweep]
    for values in product(*(one.values for one in recipe.study.sweep)):
        yield [f"{key}={_plain(value)}" for key, value in zip(keys, values, strict=True)]


def _plain(value: bool | float | str) -> str:
    return yaml.safe_dump(value).removesuffix("\n").removesuffix("...").strip()


def _variant(
    recipe: Recipe, dataset: str, settings: Sequence[str], sweep: str, seed: int, name: str
) -> Variant:
    whole = [*settings, f"seed={seed}", f"name={name}"]
    return Variant(recipe.overlaid(whole), dataset, sweep, seed)


def _name(recipe: Recipe, dataset: str, settings: Sequence[str], seed: int) -> str:
    own = "" if seed == recipe.seed else f"seed{seed}"
    return _short("-".join(filter(None, (recipe.name, dataset, _slug(" ".join(settings)), own))))


def _marked(name: str, settings: Sequence[str]) -> str:
    """A name that values which differ only in what a name cannot hold do not share."""
    return _short(f"{name[: LONGEST_NAME - 9]}-{digest(list(settings))[:8]}")


def _short(name: str) -> str:
    """The name, its middle replaced by a hash where a data set's name may not be so long."""
    if len(name) <= LONGEST_NAME:
        return name
    mark = digest(name)[:12]
    return f"{name[: LONGEST_NAME - len(mark) - 1]}-{mark}"


def _slug(text: str) -> str:
    """Only what a data set's name may have in it."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in text.lower()).strip("-")


def factors(recipe: Recipe, variant: Variant) -> list[Factors]:
    """The cells of one data set, each once; ``recipe`` is the study's."""
    study, training = recipe.study, recipe.training
    found: dict[Factors, None] = {}
    for trainee, augmentation, attribute, count, schedule, arm, seed in product(
        study.trainees or (training.trainee,), study.augmentations or (training.augmentation,),
        study.attributes, study.per_source, study.schedules, training.arms, training.seeds,
    ):  # fmt: skip
        stratum = Stratum(
            variant.dataset, variant.sweep, trainee, augmentation, attribute, count, schedule
        )
        if possible(arm, trainee):
            found[needed(Factors(stratum, arm, variant.generation_seed, seed))] = None
    return list(found)


def possible(arm: str, trainee: str) -> bool:
    """Whether an arm is something of its own with a trainee.

    Without training only one that knows classes by their names has anything to say, and an arm
    told by its augmentation is ``real`` once more to one that sees stored vectors.
    """
    kind = ARMS[arm]
    return (kind.trained or trainee == ZERO_SHOT) and not (kind.augmentation and trainee == PROBE)


def needed(cell: Factors) -> Factors:
    """The cell without the factors that it does not depend on."""
    arm, stratum = ARMS[cell.arm], cell.stratum
    if not arm.needs_edits:
        stratum = replace(stratum, sweep="", attribute="", per_source=0)
    if not (arm.real and arm.synthetic):
        stratum = replace(stratum, schedule="")
    if arm.augmentation or not arm.trained or stratum.trainee == PROBE:
        stratum = replace(stratum, augmentation="")
    seed = cell.seed if arm.trained else 0
    generation = cell.generation_seed if arm.needs_edits else 0
    return Factors(stratum, cell.arm, generation, seed)


def trained_alike(recipe: Recipe, cells: Sequence[Factors]) -> list[tuple[Recipe, list[Factors]]]:
    """Cells of one spec together, each with the recipe of that trainee and augmentation."""

    def way(cell: Factors) -> tuple[str, str]:
        return cell.stratum.trainee, cell.stratum.augmentation or recipe.training.augmentation

    return [
        (
            recipe.overlaid([f"training.trainee={trainee}", f"training.augmentation={augmented}"]),
            list(group),
        )
        for (trainee, augmented), group in groupby(sorted(cells, key=way), way)
    ]


__all__ = [
    "BRIDGED", "EVERY", "MIXED", "PROBE", "ZERO_SHOT", "Factors", "Stratum", "Variant", "factors",
    "needed", "possible", "trained_alike", "variants",
]  # fmt: skip
