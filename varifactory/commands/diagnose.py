"""``varifactory diagnose``: which classes of a synthetic set have an issue, from stored vectors."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from varifactory.answering import Answer, Say, answering, asked
from varifactory.errors import FactoryError

if TYPE_CHECKING:
    from varifactory.diagnosis.figures import Diagnosis
    from varifactory.recipe.diagnosis import Diagnosis as Settings

OF_A_DATA_SET = {
    "dataset": "the table itself is what is diagnosed",
    "target": "give the target's vectors as rows of source 'target'",
    "senses": "a table has no vectors of texts; give a data set other senses with `python -m "
    "flows.diagnose`",
    "reference": "the rows of source 'real' are what synthetic ones are compared with",
}
"""Keys of diagnosis that mean nothing for a table of vectors, and what to do instead."""


@answering("diagnose")
@click.argument("dataset", nargs=-1, metavar="[STORE] DATASET[@VERSION]")
@click.option("--to", "folder", default="", metavar="FOLDER",
              help="Write the page there instead of beside the data set in its store.")  # fmt: skip
@click.option("--plan", default="", metavar="HASH",
              help="Which diagnosis, by how its folder begins; else the newest.")  # fmt: skip
@click.option("--vectors", default="", metavar="FILE",
              help="Diagnose a Parquet table of vectors of your own instead of a data set: columns "
              "image, class, source (real, synthetic, target), encoder, vector.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
              help="With --vectors: change a key of diagnosis, such as least=30.")  # fmt: skip
def diagnose(
    store: str, say: Say, dataset: tuple[str, ...], folder: str, plan: str, vectors: str,
    settings: tuple[str, ...],
) -> Answer:  # fmt: skip
    """Count a diagnosis anew from stored vectors and write its page: per class ambiguity, lack of
    adherence, of diversity, of the concept itself, and copies.

    No model is loaded. `python -m flows.diagnose RECIPE` embeds the images first. VERSION is the
    latest if it is left out; STORE may also be given as --store.
    """
    if vectors:
        found, where = _of_vectors(vectors, folder, settings, dataset, plan)
    else:
        found, where = _of_dataset(store, dataset, folder, settings, plan)
    return _answer(say, found, where)


def _of_vectors(
    path: str, folder: str, settings: tuple[str, ...], dataset: tuple[str, ...], plan: str
) -> "tuple[Diagnosis, str]":
    if dataset or plan:
        given = " ".join([*dataset, *(["--plan", plan] if plan else [])])
        raise FactoryError(f"--vectors {path} and {given}: give a table or a data set, not both")
    from varifactory.report.diagnosis.publishing import diagnose_vectors, write_vectors_diagnosis

    found = diagnose_vectors(path, _settings(settings))
    beside = Path(path).with_suffix("").as_posix() + "-diagnosis"
    return found, write_vectors_diagnosis(found, folder or beside)


def _of_dataset(
    store: str, dataset: tuple[str, ...], folder: str, settings: tuple[str, ...], plan: str
) -> "tuple[Diagnosis, str]":
    if not dataset:
        raise FactoryError("name a data set, or a table of vectors with --vectors FILE")
    if settings:
        raise FactoryError(
            f"--set {settings[0]}: a data set is diagnosed as its plan says; other settings make "
            "another diagnosis: python -m flows.diagnose RECIPE --set diagnosis."
            f"{settings[0]}"
        )
    from varifactory.report.diagnosis.publishing import (
        publish_diagnosis,
        recounted_diagnosis,
        write_diagnosis,
    )
    from varifactory.store import Store

    url, name, version = asked(store, dataset, "data set")
    place = Store(url)
    found = recounted_diagnosis(place, name, version, plan)
    if folder:
        return found.diagnosis, write_diagnosis(place, found, folder)
    return found.diagnosis, publish_diagnosis(place, found)


def _settings(given: tuple[str, ...]) -> "Settings":
    from pydantic import ValidationError

    from varifactory.recipe.diagnosis import Diagnosis as Settings
    from varifactory.recipe.text import explain, overlaid

    plain = [one.strip().removeprefix("diagnosis.") for one in given]
    data: dict[str, Any] = overlaid({}, plain)
    if wrong := [f"{key}: {why}" for key, why in OF_A_DATA_SET.items() if key in data]:
        raise FactoryError(f"--vectors takes no --set {'; no '.join(wrong)}")
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise FactoryError("--set: " + "; ".join(explain(error, Settings))) from None


def _answer(say: Say, found: "Diagnosis", where: str) -> Answer:
    from varifactory.report.diagnosis.tables import told
    from varifactory.report.diagnosis.wording import sentence

    words = told(found)
    for line in (words["verdict"], *words["lead"], *words["notes"]):
        say(line)
    for flag in found.flags:
        place = ", ".join(filter(None, (flag.label, flag.attribute)))
        say(f"{place}: {flag.issue} ({flag.kind}): {sentence(flag)}")
    say(f"diagnosis: {where}")
    return {**words, "page": where}, 0
