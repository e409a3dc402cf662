"""Other senses of class names, as a language model tells them where the user has no file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from varifactory.diagnosis.checking import PopulationError
from varifactory.diagnosis.plan import FOLDER, plans_of
from varifactory.keys import digest
from varifactory.models import NoAnswer, SenseTeller, ToldSenses
from varifactory.store import Manifest, Store, StoreMissing

Answers = dict[str, tuple[str, ...]]
"""Class name -> other senses; none among it where the name has one sense."""

ENDINGS = (".yaml", ".yml")
PLACES = ("/", "./", "../", "~")
"""How no name of a model begins."""


def by_model(senses: str) -> bool:
    """Whether ``diagnosis.senses`` names a model: no YAML file, no place, no file that is there."""
    named = senses.lower().endswith(ENDINGS) or senses.startswith(PLACES)
    return bool(senses) and not named and not Path(senses).is_file()


class Told(BaseModel):
    """All that a model has said of a version's class names: kept as it comes, for it was paid."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    senses: Answers


def told_before(store: Store, manifest: Manifest, model: str) -> Answers:
    """What the model has said of class names of a version, for whichever diagnosis of it.

    Raises:
        PopulationError: what was kept of it, or a plan, cannot be read.
    """
    found: Answers = {}
    for plan in plans_of(store, manifest):
        if plan.settings.senses == model:
            for name, senses in plan.senses.items():
                found.setdefault(name, tuple(senses))
    return found | _kept(store, manifest, model)


def _kept(store: Store, manifest: Manifest, model: str) -> Answers:
    path = _path(model)
    try:
        told = Told.model_validate_json(store.get_export(manifest.name, manifest.version, path))
    except StoreMissing:
        return {}
    except ValidationError as error:
        where = store.export_path(manifest.name, manifest.version, path)
        raise PopulationError(
            f"{where} does not hold what {model} said of class names ({error.errors()[0]['msg']}): "
            "remove it, and it is asked again"
        ) from None
    return told.senses


def keep_told(store: Store, manifest: Manifest, model: str, senses: Answers) -> None:
    """Write down what the model has said by now, beside the version."""
    data = Told(model=model, senses=senses).model_dump_json(indent=1).encode()
    store.put_export(manifest.name, manifest.version, _path(model), data)


def _path(model: str) -> str:
    return f"{FOLDER}/told-{digest(model)[:12]}.json"


def tell(
    teller: SenseTeller, class_names: Sequence[str], keep: Callable[[Answers], None]
) -> tuple[Mapping[str, ToldSenses], list[str]]:
    """What is told of each class, and a notice of each of which nothing was.

    Args:
        teller: the model.
        class_names: that it is asked about, one after another.
        keep: called with all answers so far whenever there is one more.

    Raises:
        ModelError: the model cannot work at all.
    """
    found: dict[str, ToldSenses] = {}
    notices = []
    for name in class_names:
        try:
            found[name] = teller.senses(name)
            keep({told: each.senses for told, each in found.items()})
        except NoAnswer as error:
            notices.append(f"no other senses of {name!r} were tried: {error}")
    return found, notices
