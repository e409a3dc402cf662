"""An exchange rate counted anew from stored answers, and its page: no training, no model."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from varifactory.errors import ExchangeError
from varifactory.exchange.counting import count_exchange
from varifactory.exchange.figures import ExchangeRate
from varifactory.exchange.plan import FILE, ExchangePlan, surface
from varifactory.exchange.wording import multiple, pool_name
from varifactory.history.models_used import ModelNote, model_notes
from varifactory.history.plans import meant
from varifactory.history.versions import in_words, is_drawn, title
from varifactory.report.adopting import adopted, mark, remember
from varifactory.report.exchange.page import render_exchange
from varifactory.report.exchange.tables import PAGE, exchange_files
from varifactory.report.writing import made_by, publish_files, write_files
from varifactory.store import Manifest, Store
from varifactory.store.instruments import InstrumentPlan
from varifactory.study.origins import BUILT_IN
from varifactory.study.provenance import model_in_words

FOLDER = "exchange"
"""Beside a data set version, below its exports."""


@dataclass(frozen=True, slots=True)
class Recounted:
    """What an exchange rate says, and what it was counted from."""

    manifest: Manifest
    plan: ExchangePlan
    rate: ExchangeRate
    made_of: bytes
    """As ``adopting.mark`` tells it."""


def adopted_exchange(store: Store, name: str, version: int, plan: str) -> str:
    """Where the page of a plan lies, if it is what would be made now; else empty.

    ``plan`` is the beginning of its hash.

    Raises:
        ExchangeError: there is no such plan.
        StudyError: it cannot be read.
    """
    manifest = store.dataset(name, version)
    return adopted(store, manifest, _kept(manifest, read_plan(store, manifest, plan)), PAGE)


def _kept(manifest: Manifest, plan: ExchangePlan) -> InstrumentPlan:
    text = plan.written().decode()
    return InstrumentPlan(manifest.name, manifest.version, FOLDER, plan.hash12, text)


def keep_plan(store: Store, manifest: Manifest, plan: ExchangePlan) -> str:
    """Write a plan beside its data set version; where it lies."""
    path = f"{plan.folder}/{FILE}"
    return store.put_export(manifest.name, manifest.version, path, plan.written())


def plans_of(store: Store, manifest: Manifest) -> list[ExchangePlan]:
    """Every exchange rate of a version, the newest first.

    Raises:
        StudyError: one that cannot be read.
    """
    name, version = manifest.name, manifest.version
    paths = [path for path in store.export_files(name, version, FOLDER)
             if path.rpartition("/")[2] == FILE]  # fmt: skip
    plans = [
        ExchangePlan.read(store.get_export(name, version, f"{FOLDER}/{path}")) for path in paths
    ]
    return sorted(plans, key=lambda plan: (plan.made_at, plan.hash12), reverse=True)


def read_plan(store: Store, manifest: Manifest, start: str = "") -> ExchangePlan:
    """The newest plan of a version, or the one whose hash begins with ``start``.

    Raises:
        ExchangeError: there is none, or ``start`` names none or several.
        StudyError: one that cannot be read.
    """
    plans, where = plans_of(store, manifest), title(manifest)
    if not plans:
        raise ExchangeError(
            f"no exchange rate was measured on {where}: run `python -m flows.exchange_rate RECIPE` "
            "first, which trains its cells"
        )
    return meant(plans, start, f"exchange rates of {where}", ExchangeError)


def recount_exchange(
    store: Store, name: str, version: str | int | None = None, plan: str = ""
) -> Recounted:
    """Count the newest exchange rate of a data set version from what the store holds.

    ``plan`` is the beginning of the hash of another one's plan.

    Raises:
        ExchangeError: none was measured, or nothing can be read from its grid.
        StudyError: answers of its cells are gone or contradict each other.
        StoreError: something that it rests on is gone or damaged.
    """
    manifest = store.dataset(name, version)
    kept = read_plan(store, manifest, plan)
    made_of = mark(store, manifest, _kept(manifest, kept))
    return Recounted(manifest, kept, counted(store, manifest, kept), made_of)


def counted(store: Store, manifest: Manifest, plan: ExchangePlan) -> ExchangeRate:
    """What the answers of a plan's cells say; the same ones give the same figures."""
    return count_exchange(
        surface(store, plan),
        title=in_words(manifest),
        gains=plan.asked.gains,
        confidence=plan.confidence,
        resamples=plan.asked.resamples,
        seed=plan.seed,
        wrong=plan.asked.mislabelled,
        trainee=plan.trainee,
        noted=plan.notices,
    )


def publish_exchange(store: Store, found: Recounted) -> str:
    """Write tables and page beside the data set version, where the plan lies; where the page is."""
    manifest, folder = found.manifest, found.plan.folder
    files = _files(store, found)
    where = publish_files(store, manifest.name, manifest.version, folder, files, PAGE)
    remember(store, _kept(manifest, found.plan), PAGE, found.made_of)
    return where


def write_exchange(store: Store, found: Recounted, folder: str) -> str:
    """Write tables and page into a folder; where the page lies.

    Raises:
        FactoryError: the folder cannot be written.
    """
    return write_files(_files(store, found), PAGE, folder)


def _files(store: Store, found: Recounted) -> dict[str, bytes]:
    """Path -> file of the page and the tables beside it."""
    files = exchange_files(found.rate)
    page = render_exchange(
        found.rate,
        machinery=is_drawn(found.manifest),
        small_models=[
            f"{note.stage} ({note.name})" for note in _models(found.plan) if note.name in BUILT_IN
        ],
        unknown=_unknown(found.plan),
        provenance=_provenance(store, found.manifest, found.plan),
        files=files,
    )
    return {**files, PAGE: page}


def _unknown(plan: ExchangePlan) -> bool:
    """Whether nobody knows what a generator of a pool has seen."""
    made = (told for told in plan.lineage.values() if isinstance(told, Mapping))
    return any("trained_on" in told and told["trained_on"] is None for told in made)


def _provenance(
    store: Store, manifest: Manifest, plan: ExchangePlan
) -> Mapping[str, list[tuple[str, str]]]:
    again = shlex.join(["varifactory", "exchange-rate", store.backend.show(""), title(manifest),
                        "--plan", plan.hash12])  # fmt: skip
    lineage = [(pool_name(pool), _brief(told)) for pool, told in sorted(plan.lineage.items())]
    return {
        "Data set": made_by(manifest),
        "Grid": _grid(plan),
        "Training": [
            ("trained", plan.trainee),
            ("cells", f"stage exchange, spec {plan.spec}"),
            *map(model_in_words, _models(plan)),
        ],
        **({"Made from": lineage} if lineage else {}),
        "Count it again": [("command", again)],
    }  # fmt: skip


def _models(plan: ExchangePlan) -> list[ModelNote]:
    """In one order, whether the plan was just made or read back."""
    from varifactory.models import registry

    return model_notes(dict(sorted(plan.specs.items())), registry.cards(BUILT_IN))


def _grid(plan: ExchangePlan) -> list[tuple[str, str]]:
    """What was asked, and how many trainings it took."""
    asked = plan.asked

    def times(values: tuple[float, ...]) -> str:
        return ", ".join(map(multiple, values)) or "none"

    return [
        ("real images a class to begin with", times(asked.base)),
        ("classes", f"{len(plan.class_names):,}"),
        ("real images added, × the base", times(asked.real)),
        ("images of a pool added, × the base", times(asked.synthetic)),
        ("shares of the base replaced", times(asked.substituted)),
        ("generators", ", ".join(asked.generators)),
        ("controls", ", ".join(asked.controls) or "none"),
        ("seeds", times(asked.seeds)),
        ("test images", f"{plan.test_images:,}"),
        ("cells", f"{len(plan.cells):,}; those of the same images are one training, "
                  f"{len({cell.key for cell in plan.cells}):,} in all"),
        ("bootstrap", f"{asked.resamples:,} draws, seed {plan.seed}"),
    ]  # fmt: skip


LONGEST = 300
"""Letters of what a pool was made from; the plan has it whole."""


def _brief(told: object) -> str:
    text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
