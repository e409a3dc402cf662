"""The recipe: the declared settings of a data set and its study, read from one YAML file.

Frozen and validated: an unknown key or an impossible value is refused with the key, the value and
what is allowed. It holds names of secrets at most, never secrets, so it may travel and be stored.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from varifactory.errors import RecipeError
from varifactory.keys import digest
from varifactory.recipe.adaptation import Adaptation
from varifactory.recipe.diagnosis import Diagnosis
from varifactory.recipe.edits import EditGate, Edits, SecondEditor
from varifactory.recipe.exchange import Exchange
from varifactory.recipe.masks import MaskGate, Masks
from varifactory.recipe.part import Checkpoint, Count, Name, Part, Share
from varifactory.recipe.prices import Prices
from varifactory.recipe.prompts import Price, Prompts
from varifactory.recipe.review import Review
from varifactory.recipe.run import Report, Run
from varifactory.recipe.sources import Sources, Split, World
from varifactory.recipe.study import EVERY, Study
from varifactory.recipe.text import explain, overlaid, read_yaml
from varifactory.recipe.training import ARMS, Training
from varifactory.recipe.verdicts import Verdicts

__all__ = [
    "ARMS", "FINGERPRINT_VERSION", "NOT_IDENTITY", "Adaptation", "Checkpoint", "Count", "Diagnosis",
    "EditGate", "Edits", "Exchange", "MaskGate", "Masks", "Price", "Prices", "Prompts", "Recipe",
    "Report", "Review", "Run", "SecondEditor", "Share", "Sources", "Split", "Study", "Training",
    "Verdicts", "World",
]  # fmt: skip

FINGERPRINT_VERSION = 1
NOT_IDENTITY: dict[str, str] = {
    "name": "what a data set is called is not what it holds",
    "note": "words for people",
    "run": "how and where the work is done is not what is asked for; device and threads, which "
    "change artifacts, do so through the models' specs; run.compile and run.channels_last, which "
    "are in no spec, by the rounding of a card alone",
    "study": "what is compared on a data set is the study's own identity, not the data set's",
    "diagnosis": "how a data set is looked at is not what it holds",
    "exchange": "what is measured on a data set is not what it holds",
    "report": "how results are shown",
    "prices": "what it costs is not what is asked for",
    "review": "whether people look is not what is asked for; what they decide is kept by itself",
}
"""Top-level keys left out of the fingerprint, each with its reason."""


class Recipe(Part):
    """One data set and its study."""

    name: Name
    note: str = ""
    seed: int = Field(7, description="generation seed")
    sources: Sources
    prompts: Prompts = Prompts()
    masks: Masks = Masks()
    adaptation: Adaptation = Adaptation()
    edits: Edits = Edits()
    verdicts: Verdicts = Verdicts()
    training: Training = Training()
    study: Study = Study()
    diagnosis: Diagnosis = Diagnosis()
    exchange: Exchange = Exchange()
    report: Report = Report()
    prices: Prices = Prices()
    review: Review = Review()
    run: Run = Run()

    @model_validator(mode="after")
    def _study_is_possible(self) -> "Recipe":
        """Refused before anything is made, not after hours of it."""
        known = {EVERY, *self.prompts.attributes}
        if strange := [name for name in self.study.attributes if name not in known]:
            raise ValueError(
                f"study.attributes names {strange}, which prompts.attributes does not make; "
                f"allowed are {', '.join(sorted(known))}"
            )
        most = self.edits.per_source
        if self.edits.exact == 0 and (far := [n for n in self.study.per_source if n > most]):
            raise ValueError(
                f"study.per_source asks for {far} pairs a real image, and edits.per_source makes "
                f"{most}: raise that"
            )
        unchanged = [arm for arm in self.training.arms if arm.endswith("unchanged")]
        if unchanged and not self.edits.unchanged:
            raise ValueError(
                f"training.arms names {unchanged}, which train on edits that edits.unchanged "
                "makes: set edits.unchanged=true"
            )
        return self

    def fingerprint(self) -> str:
        """Hash of what the recipe asks for; ``NOT_IDENTITY`` tells what is left out and why."""
        kept = self.model_dump(mode="json", exclude=set(NOT_IDENTITY))
        return digest({"fingerprint_version": FINGERPRINT_VERSION, "recipe": kept})

    @classmethod
    def read(cls, path: str | Path, settings: Sequence[str] = ()) -> "Recipe":
        """The recipe in a YAML file, with ``key.inner=value`` settings laid over it.

        Raises:
            RecipeError: no such file, not YAML, unknown key, or a value that is not allowed.
        """
        return cls.parse(overlaid(read_yaml(Path(path)), settings), where=str(path))

    def overlaid(self, settings: Sequence[str]) -> "Recipe":
        """The recipe with ``key.inner=value`` settings laid over it; see ``read``."""
        return type(self).parse(overlaid(self.model_dump(mode="json"), settings))

    @classmethod
    def parse(cls, data: Any, where: str = "recipe") -> "Recipe":
        """A recipe from plain data; see ``read``."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise RecipeError(f"{where}: " + "; ".join(explain(error, cls))) from None
