"""Other senses of class names, as a language model tells them where the user has no file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from varifactory.diagnosis.plan import DiagnosisPlan
from varifactory.models import NoAnswer, SenseTeller, ToldSenses

ENDINGS = (".yaml", ".yml")


def by_model(senses: str) -> bool:
    """Whether ``diagnosis.senses`` names a model: no YAML file, and no file that is there."""
    return bool(senses) and not senses.lower().endswith(ENDINGS) and not Path(senses).is_file()


def told_before(plans: Iterable[DiagnosisPlan], model: str) -> dict[str, tuple[str, ...]]:
    """Class name -> what the model said of it for an earlier diagnosis, none among it."""
    found: dict[str, tuple[str, ...]] = {}
    for plan in plans:
        if plan.settings.senses == model:
            for name, senses in plan.senses.items():
                found.setdefault(name, tuple(senses))
    return found


def tell(
    teller: SenseTeller, class_names: Sequence[str]
) -> tuple[Mapping[str, ToldSenses], list[str]]:
    """What is told of each class, and a notice of each of which nothing was.

    Raises:
        ModelError: the model cannot work at all.
    """
    found: dict[str, ToldSenses] = {}
    notices = []
    for name in class_names:
        try:
            found[name] = teller.senses(name)
        except NoAnswer as error:
            notices.append(f"no other senses of {name!r} were tried: {error}")
    return found, notices
