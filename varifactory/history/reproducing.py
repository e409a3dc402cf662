"""A data set version checked by making a sample of it again."""

import json
import platform
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from varifactory.card.twin import CardTwin
from varifactory.catalog import load_catalog
from varifactory.errors import FactoryError, ModelError
from varifactory.history import deviations, samples
from varifactory.history.ledger import Found, Ledger
from varifactory.history.provenance import libraries_in_words, place
from varifactory.history.rejudging import rejudged
from varifactory.history.remaking import UNMADE, Remade, changed_fields, remade_edits
from varifactory.loading import items_table
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards.keeping import library_versions
from varifactory.stages import Row
from varifactory.store import Manifest, Store, StoreError
from varifactory.verdicts import asked, panel

WORDS = (deviations.IDENTICAL, deviations.WITHIN, deviations.DIFFERENT, UNMADE)
PROVIDER = "vision"
"""Judge that asks a provider: its answers cost money and need not come out again."""


@dataclass(slots=True)
class Check:
    """What came of a sample."""

    sampled: int
    of: int
    edits: list[Remade] = field(default_factory=list)
    verdicts: dict[str, list[Remade]] = field(default_factory=dict)
    changed: dict[str, list[str]] = field(default_factory=dict)
    """Editor -> what of it is not as it was."""
    notes: list[str] = field(default_factory=list)
    here: str = ""
    seconds: float = 0.0

    @property
    def all(self) -> list[Remade]:
        """Edits and verdicts."""
        return [*self.edits, *(one for said in self.verdicts.values() for one in said)]

    @property
    def good(self) -> bool:
        """Whether all came out identical or within tolerance."""
        return all(one.good for one in self.all)

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {
            "sampled": self.sampled,
            "of": self.of,
            "good": self.good,
            "edits": counted(self.edits),
            "by": [
                {"device": device, "libraries": json.loads(versions), **counted(rows)}
                for (device, versions), rows in by_place(self.edits).items()
            ],
            "verdicts": {name: counted(rows) for name, rows in self.verdicts.items()},
            "changed": self.changed,
            "notes": self.notes,
            "here": {"device": self.here, "libraries": json.loads(library_versions())},
            "items": [
                asdict(one) | {"stage": stage}
                for stage, rows in (("edits", self.edits), *self.verdicts.items())
                for one in rows
                if one.word != deviations.IDENTICAL
            ],
            "seconds": round(self.seconds, 1),
        }


def counted(rows: Iterable[Remade]) -> dict[str, int]:
    """Word -> items, every word named."""
    found = Counter(one.word for one in rows)
    return {word: found[word] for word in WORDS}


def by_place(rows: Iterable[Remade]) -> dict[tuple[str, str], list[Remade]]:
    """By device and libraries that they were made with."""
    found: dict[tuple[str, str], list[Remade]] = defaultdict(list)
    for one in rows:
        found[one.made_on].append(one)
    return dict(found)


def named_card(store: Store, manifest: Manifest) -> CardTwin:
    """The card of a version, from the store itself: its specs are those of the run that made it."""
    specs = Ledger(store).run(manifest.run_id).get("specs") or {}
    return CardTwin(
        format=1, name=manifest.name, version=manifest.version, store=store.url,
        dataset_hash=manifest.dataset_hash, recipe_fingerprint=manifest.recipe_fingerprint,
        run=manifest.run_id, recipe=dict(manifest.recipe), specs=specs,
    )  # fmt: skip


def check(
    store: Store,
    card: CardTwin,
    recipe: Recipe,
    *,
    share: float = samples.SHARE,
    least: int = samples.LEAST,
    seed: int = 0,
) -> Check:
    """Make a sample of a version's edits again, and ask its judges again; compare both.

    Args:
        store: that holds the version.
        card: of the version.
        recipe: the card's, with whatever was laid over it.
        share: of the edits.
        least: edits at least.
        seed: of the sample.

    Raises:
        FactoryError: the store holds another version under that name, or no edit to compare.
        StoreError: the version cannot be read.
    """
    began = time.perf_counter()
    manifest = store.dataset(card.name, card.version)
    if manifest.dataset_hash != card.dataset_hash:
        raise FactoryError(
            f"the card is of {card.title} with the hash {card.dataset_hash}, the store holds "
            f"{manifest.dataset_hash} under that name: give the store the card is of (--store)"
        )
    ledger = Ledger(store)
    found = _edits(ledger, items_table(store, manifest).to_pylist())
    chosen = _sample(found, share, least, seed)
    done = Check(len(chosen), len(found), here=platform.machine())
    _remake(done, ledger, chosen, card, recipe)
    _rejudge(done, ledger, chosen, card, recipe)
    done.seconds = time.perf_counter() - began
    return done


def _edits(ledger: Ledger, items: Sequence[Row]) -> list[Found]:
    """The edits of a version that have pixels."""
    wanted = {row["edit_key"] for row in items if row["kind"] == "edit" and row["image_blob"]}
    found = ledger.of_keys("edits", wanted)
    lost = len(wanted) - len(found)
    if not found:
        raise FactoryError(
            "there is no edit to make again: the version has none with pixels, or their rows are "
            "not in the store any more"
        )
    if lost:
        raise FactoryError(
            f"the rows of {lost} of {len(wanted)} edits are not in the store any more: make the "
            "version again (without --check the commands are told)"
        )
    return list(found.values())


def _sample(found: Sequence[Found], share: float, least: int, seed: int) -> list[Found]:
    by_key = {one.key: one for one in found}
    rows = samples.stratified([one.row for one in found], _kind, share, least, seed)
    return [by_key[row["key"]] for row in rows]


def _kind(row: Row) -> tuple[str, ...]:
    return (row["editor"], row["attribute"], row["feasibility"], *place(row))


def _remake(
    done: Check, ledger: Ledger, chosen: Sequence[Found], card: CardTwin, recipe: Recipe
) -> None:
    catalog = load_catalog(recipe.prompts.catalog)
    editors: dict[str, list[Found]] = defaultdict(list)
    for one in chosen:
        editors[str(one.row["editor"])].append(one)
    for editor, found in sorted(editors.items()):
        try:
            inpainter = registry.inpainter(recipe, editor)
            for spec in sorted({one.spec for one in found}):
                recorded = card.specs.get(f"edits/{spec}") or ledger.spec_fields("edits", spec)
                if changed := changed_fields(recipe, inpainter, spec, recorded):
                    done.changed[editor] = changed
            done.edits += remade_edits(ledger.store, found, recipe, inpainter, catalog)
            done.here = registry.where(recipe, inpainter)
        except ModelError as error:
            # A model that cannot be had any more is what the check is there to find.
            done.edits += [Remade(one.key, UNMADE, str(error), place(one.row)) for one in found]


def _rejudge(
    done: Check, ledger: Ledger, chosen: Sequence[Found], card: CardTwin, recipe: Recipe
) -> None:
    names = panel.judges(recipe.verdicts)
    pixels = {one.row["pixel_sha256"] for one in chosen}
    said = [one for one in ledger.where("verdicts", "pixel_sha256", pixels)
            if not card.specs or f"verdicts/{one.spec}" in card.specs] if names else []  # fmt: skip
    for name in names:
        found = [one for one in said if one.row["judge"] == name and one.row["status"] == "ok"]
        if name == PROVIDER:
            done.notes.append(f"{len(found)} answers of {name} were not asked for again: a "
                              "provider is paid, and may answer otherwise")  # fmt: skip
        elif found:
            done.verdicts[name] = _asked_again(done, ledger.store, found, name, card, recipe)


def _asked_again(
    done: Check, store: Store, found: Sequence[Found], name: str, card: CardTwin, recipe: Recipe
) -> list[Remade]:
    try:
        exemplars, choices = asked.exemplars(store, card.run), asked.choices(store, card.run)
    except (StoreError, ValueError) as error:
        done.notes.append(f"{name} was not asked again: what it was told is lost ({error})")
        return []
    try:
        judge = registry.judge(recipe, exemplars, store.url, name=name)
        catalog = load_catalog(recipe.prompts.catalog)
        return list(rejudged(store, found, judge, catalog, choices, recipe.run.batch_size))
    except ModelError as error:
        return [Remade(one.key, UNMADE, str(error), place(one.row)) for one in found]


def here_in_words(done: Check) -> str:
    """Where the sample was made again."""
    return f"{done.here}, {libraries_in_words(json.loads(library_versions()))}"
