"""Which values of an attribute are feasible for a class."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from varifactory.catalog.phrases import normal_form
from varifactory.errors import RecipeError

BUILT_IN = Path(__file__).parent / "taxonomies"
Feasibility = Literal["feasible", "infeasible"]
FEASIBILITIES: tuple[Feasibility, Feasibility] = ("feasible", "infeasible")
UNCHANGED = "unchanged"
"""Third side of a pair: the edit to the value that the source has already; of no pool."""


class Pools(BaseModel):
    """Values of one attribute for one class; nothing is both."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    feasible: tuple[str, ...]
    infeasible: tuple[str, ...]

    @model_validator(mode="after")
    def _disjoint_equal_distinct(self) -> "Pools":
        feasible, infeasible = (
            {normal_form(value): value for value in pool}
            for pool in (self.feasible, self.infeasible)
        )
        both = feasible.keys() & infeasible.keys()
        if both:
            named = sorted({feasible[form] for form in both} | {infeasible[form] for form in both})
            raise ValueError(f"{named} cannot be both feasible and infeasible")
        for pool, forms in ((self.feasible, feasible), (self.infeasible, infeasible)):
            if len(forms) != len(pool):
                raise ValueError(f"{list(pool)} names a value twice")
        if len(self.feasible) != len(self.infeasible):
            raise ValueError(
                f"{len(self.feasible)} feasible and {len(self.infeasible)} infeasible values: "
                "pools must be of equal size"
            )
        return self

    def values(self, feasibility: str) -> tuple[str, ...]:
        """The pool of that feasibility, in file order."""
        return self.feasible if feasibility == "feasible" else self.infeasible


class Taxonomy(BaseModel):
    """Pools a class and attribute; ``default`` (optional) serves classes without their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    known_truth: bool = False
    """True where the table is the world's own law; then a judge may look feasibility up in it."""
    classes: Mapping[str, Mapping[str, Pools]]
    default: Mapping[str, Pools] = {}

    def pools(self, class_name: str, attribute: str) -> Pools:
        """The pools of a class and attribute.

        Raises:
            RecipeError: neither the class nor ``default`` has the attribute.
        """
        found = self.classes.get(class_name, {}).get(attribute) or self.default.get(attribute)
        if found is None:
            raise RecipeError(
                f"the taxonomy has no pools for class {class_name!r}, attribute {attribute!r}: add "
                "them, add a default, or let a language model write them (prompts.writer)"
            )
        return found

    def feasibility(self, class_name: str, attribute: str, value: str) -> str:
        """``feasible``, ``infeasible``, or ``not judged`` where no law says so."""
        pools = self.classes.get(class_name, {}).get(attribute)
        if not self.known_truth or pools is None:
            return "not judged"
        if value in pools.feasible:
            return "feasible"
        return "infeasible" if value in pools.infeasible else "not judged"


@cache
def load_taxonomy(name: str) -> Taxonomy:
    """``world``, a file of ``taxonomies/`` by its stem, or a path to a YAML file.

    Raises:
        RecipeError: no such taxonomy, or pools that overlap or differ in size.
    """
    if name == "world":
        return _of_world()
    path = BUILT_IN / f"{name}.yaml"
    if not path.is_file():
        path = Path(name)
    try:
        return Taxonomy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError:
        known = ", ".join(["world", *sorted(found.stem for found in BUILT_IN.glob("*.yaml"))])
        raise RecipeError(f"no taxonomy {name!r}: give {known}, or a path to a YAML file") from None
    except (yaml.YAMLError, ValidationError) as error:
        raise RecipeError(f"taxonomy {path} cannot be used: {error}") from None


def _of_world() -> Taxonomy:
    from varifactory.world import load_world

    world = load_world()
    return Taxonomy(
        known_truth=True,
        classes={
            name: {
                attribute: Pools(
                    feasible=found.feasible[attribute], infeasible=found.infeasible[attribute]
                )
                for attribute in found.feasible
            }
            for name, found in world.classes.items()
        },
    )
