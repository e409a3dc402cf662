"""One ingest from place to data set version, and the record that it leaves like any other run."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache

from varifactory import records
from varifactory.actor import actor as login
from varifactory.deriving import Derived, counted, end_with, keep_specs, publish_items, recorded
from varifactory.history.commands import INGEST as FLOW
from varifactory.ingest.asking import KIND, Asked, Beside, IngestError, look, whole
from varifactory.ingest.near import HeldOut, held_out, troubles
from varifactory.ingest.reading import Progress, Read, foreign_spec, read_place, unheard
from varifactory.ingest.settling import foreign_items
from varifactory.ingest.trained_on import hashes_in
from varifactory.keys import digest, spec_of
from varifactory.leakage.copies import Pixels
from varifactory.stages import Row, accepted
from varifactory.store import Manifest, Store


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest ended in."""

    manifest: Manifest
    beside: str
    """``pets@3``."""
    statuses: dict[str, int]
    """Foreign images by status."""
    classes: dict[str, int]
    """Class -> usable foreign images; every class of the data set beside it."""
    reasons: dict[str, int]
    """Of those that cannot be used, the most frequent first; a reason up to its first colon."""
    reused: int
    """Files that an earlier ingest had read."""
    adopted: bool
    """The version was there already."""
    notices: tuple[str, ...]


def ingest(store: Store, asked: Asked, actor: str = "", progress: Progress = unheard) -> Ingested:
    """Take in foreign images and publish the version that holds them; see the package.

    The same again reads nothing that it read before and adopts the version.

    Raises:
        IngestError: what was asked for cannot be, or not one image can be used.
        StoreError: the store cannot be used, or there is no such data set.
    """
    store.prepare()
    beside, who = look(store, asked), actor or login()
    record = {
        "actor": who,
        "recipe": beside.manifest.recipe | {"name": asked.name},
        "fingerprint": _fingerprint(asked, beside, None),
        "asked": asdict(asked)
        | {"place": whole(asked.place), "beside": beside.title,
           "trained_on": whole(asked.trained_on)},
    }  # fmt: skip
    with recorded(store, FLOW, record) as (run, ended):
        ended["specs"] = keep_specs(store, run, beside.manifest, ("sources", "leakage"))
        ended["specs"][f"{KIND}/{spec_of(KIND, foreign_spec(beside))}"] = foreign_spec(beside)
        taken, made = _taken(store, run, asked, beside, who, progress)
        ended["notices"] = list(taken.notices)
        end_with(store, made, ended)
        return taken


def _taken(
    store: Store, run: str, asked: Asked, beside: Beside, actor: str, progress: Progress
) -> tuple[Ingested, Derived]:
    @cache
    def apart() -> list[HeldOut]:  # of a large data set it takes minutes: not before it is needed
        return held_out(store, beside)

    trained_on, notices = _trained_on(store, asked, beside, apart)
    read = read_place(store, run, asked, beside, trained_on, progress)
    mine = [row for row in accepted(read.rows) if row["label"] in beside.class_names]
    items = foreign_items(read.rows, beside, troubles(store, mine, apart(), beside.title))
    _check_usable(items, read, beside)
    statuses = Counter(str(item["status"]) for item in items)
    rows = [*beside.items, *items]
    made = publish_items(
        store, asked.name, rows, actor=actor, recipe=beside.manifest.recipe | {"name": asked.name},
        recipe_fingerprint=_fingerprint(asked, beside, trained_on), run_id=run,
        counts={"sources": counted(beside.items), KIND: counted(items), "items": counted(rows)},
        note=f"foreign images of {asked.generator}, taken in beside {beside.title}",
    )  # fmt: skip
    classes = Counter(str(item["label"]) for item in items if item["status"] == "ok")
    taken = Ingested(
        made.manifest, beside.title, {name: statuses[name] for name in records.STATUSES},
        {name: classes[name] for name in beside.class_names}, _reasons(items), read.reused,
        made.adopted,
        (*read.notices, *notices, *_gaps(classes, beside), *filter(None, [made.notice])),
    )  # fmt: skip
    return taken, made


def _trained_on(
    store: Store, asked: Asked, beside: Beside, apart: Callable[[], Sequence[HeldOut]]
) -> tuple[str | None, list[str]]:
    """The blob of the hashes that the generator was trained on, and what is told of them."""
    if not asked.trained_on:
        return None, []
    held = apart()
    real = frozenset(str(row["pixel_sha256"]) for row in accepted(beside.items))

    def shown(name: str, pixels: Pixels) -> str:
        if name in real:
            return name
        return next((copied for one in held if (copied := one.shown(pixels))), name)

    hashes, notices = hashes_in(asked.trained_on, beside.settings, shown)
    name = f"{store.put_blob(json.dumps(hashes).encode(), 'json')}.json"
    if seen := len(beside.pixels("test").intersection(hashes)):
        notices.append(
            f"the generator was trained on test images of {beside.title} ({seen} of them): no "
            "exchange rate will be measured with it"
        )
    return name, notices


def _check_usable(items: Sequence[Row], read: Read, beside: Beside) -> None:
    if any(item["status"] == "ok" for item in items):
        return
    first = read.rows[0]
    raise IngestError(
        f"none of {len(items)} foreign images can stand beside {beside.title}; the first, "
        f"{first['uri']}: {items[0]['reason']}"
    )


def _fingerprint(asked: Asked, beside: Beside, trained_on: str | None) -> str:
    """Of what was asked for: never that of a recipe."""
    return digest({
        FLOW: {"generator": asked.generator, "place": asked.place, "trained_on": trained_on},
        "beside": beside.manifest.dataset_hash,
    })  # fmt: skip


def _reasons(items: Sequence[Row]) -> dict[str, int]:
    told = Counter(
        str(item["reason"]).partition(":")[0] for item in items if item["status"] != "ok"
    )
    return dict(told.most_common())


def _gaps(classes: Counter[str], beside: Beside) -> list[str]:
    without = [name for name in beside.class_names if not classes[name]]
    if not without:
        return []
    named = ", ".join(without[:10]) + (", ..." if len(without) > 10 else "")
    return [f"{len(without)} classes of {beside.title} have no usable foreign image: {named}"]
