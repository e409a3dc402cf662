"""What a study was made of, by whom, on what, and what it took: from the store alone."""

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.embeddings import PICTURES
from varifactory.history.costs import selected_rows
from varifactory.history.deviations import PROCESSORS
from varifactory.history.ledger import Ledger
from varifactory.history.models_used import ModelNote, model_notes
from varifactory.history.provenance import libraries_in_words
from varifactory.loading import items_table
from varifactory.misses import flat
from varifactory.models.provider.estimate import dollars
from varifactory.quantities import duration
from varifactory.records import STAGES
from varifactory.store import Manifest, Store, StudyManifest

Lines = list[tuple[str, str]]
BUILT_IN = ("small-clip", "small-sam", "small-diffusion")
"""Models that come with varifactory, trained on a small drawn world."""
BY_KEYS = {"training": "key", "predictions": "training_key", "checkpoints": "training_key"}
"""Stages of a study's cells, and the column that names the cell."""
UNTIMED = ("predictions", "checkpoints")
"""Stages whose seconds are their cell's."""
HASH = 16
"""Digits of a hash of images or prompts, which no object of the store is named by."""


def provenance(store: Store, manifest: StudyManifest) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Section -> (what, value), all as text.

    Raises:
        StoreError: a data set version that the study names is not there, or damaged.
    """
    found = _Found(store, manifest)
    return {
        "Study": _study(found),
        "Small models": [("in words", _in_words(found))],
        "Data sets": _datasets(found),
        "Selection": _selection(found),
        "Models": [_model(note) for note in found.models],
        "Prompts": _prompts(found),
        "Seeds": _seeds(found),
        "Refused and forced": _refused(found),
        "Time": _time(found),
        "Paid": _paid(found),
        "Machines and libraries": _machines(found),
        "Choices": _choices(found),
    }


def small_models(store: Store, manifest: StudyManifest) -> str:
    """One sentence: which parts ran on the small models that come with varifactory."""
    return _in_words(_Found(store, manifest))


class _Found:
    """What the store holds of a study; each table is read once."""

    def __init__(self, store: Store, manifest: StudyManifest) -> None:
        self.store, self.manifest = store, manifest
        self.ledger = Ledger(store)

    @cached_property
    def versions(self) -> list[Manifest]:
        """Its data sets."""
        wanted = sorted(self.manifest.dataset_versions())
        return [self.store.dataset(name, version) for name, version in wanted]

    @cached_property
    def items(self) -> dict[str, pa.Table]:
        """``NAME@VERSION`` -> its items."""
        return {_title(one): items_table(self.store, one) for one in self.versions}

    @cached_property
    def specs(self) -> dict[str, dict[str, Any]]:
        """``stage/spec`` -> fields, of its data sets' runs and of its own cells."""
        found: dict[str, dict[str, Any]] = {}
        for run in [*(one.run_id for one in self.versions), self.manifest.run_id]:
            found |= self.ledger.run(run).get("specs") or {}
        mine = {cell.spec for cell in self.manifest.cells}
        others = {name: fields for name, fields in found.items()
                  if name.partition("/")[0] not in BY_KEYS or name.partition("/")[2] in mine}  # fmt: skip
        return others | self.manifest.specs

    @cached_property
    def models(self) -> list[ModelNote]:
        from varifactory.models import registry

        return model_notes(self.specs, registry.cards(BUILT_IN))

    @cached_property
    def rows(self) -> dict[str, pa.Table]:
        """Stage -> the rows that went into the study, each once, whoever made them."""
        items = pa.concat_tables(self.items.values(), promote_options="default")
        found = selected_rows(self.ledger, items, self.specs)
        pictures = [chunk for name, _ in PICTURES if name in items.column_names
                    for chunk in items[name].chunks]  # fmt: skip
        for stage, column, values in (
            ("embeddings", "pixel_sha256", pa.chunked_array(pictures, pa.string())),
            *((stage, column, self._cells) for stage, column in BY_KEYS.items()),
            ("leakage", "", None), ("adapters", "", None),
        ):  # fmt: skip
            tables = [table for table in self._tables(stage) if len(table)]
            if tables:
                whole = pa.concat_tables(tables, promote_options="permissive")
                found[stage] = _of(whole, column, values) if column else whole
        return {stage: found[stage] for stage in STAGES if stage in found and len(found[stage])}

    @property
    def _cells(self) -> pa.ChunkedArray:
        return pa.chunked_array([[cell.key for cell in self.manifest.cells]], pa.string())

    def _tables(self, stage: str) -> Iterator[pa.Table]:
        about = ["status", "label", "run", "seconds", "device", "versions"]
        columns = [*about, "pixel_sha256", *BY_KEYS.values()]
        for name in self.specs:
            of, _, spec = name.partition("/")
            if of == stage:  # without vectors and logits, which are large
                there = [c for c in dict.fromkeys(columns) if c in _columns(stage)]
                yield self.store.rows(stage, spec, there)


def _columns(stage: str) -> set[str]:
    from varifactory.records import COMMON

    return {name for name, _, _ in [*COMMON, *STAGES[stage]]}


def _of(table: pa.Table, column: str, values: pa.ChunkedArray) -> pa.Table:
    wanted = pc.unique(values.drop_null())
    return table.filter(pc.fill_null(pc.is_in(table[column], value_set=wanted), False))


def _title(version: Manifest) -> str:
    return f"{version.name}@{version.version}"


def _study(found: _Found) -> Lines:
    one, plan = found.manifest, found.manifest.plan
    run = found.ledger.run(one.run_id)
    return [
        ("study", f"{one.name}@{one.version}"),
        ("hash", one.study_hash),
        ("made by", one.actor),
        ("made at", f"{one.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("run", f"{one.run_id} ({run.get('flow', 'its record is gone')})"),
        ("cells", f"{len(one.cells):,}"),
        *((f"plan: {name}", _plain(value)) for name, value in sorted(plan.items())),
        ("to make it again", _command(found)),
    ]


def _command(found: _Found) -> str:
    """The recipe lies in the study's manifest; what the store holds is not made again."""
    one, where = found.manifest, found.store.backend.show("").rstrip("/")
    code = (
        "import json; from varifactory.store import Store; "
        f"print(json.dumps(Store({where!r}).study({one.name!r}, {one.version}).recipe))"
    )
    return (
        f"python -c {shlex.quote(code)} > recipe.yaml && "
        f"python -m flows.study recipe.yaml --store {shlex.quote(where)}"
    )


def _in_words(found: _Found) -> str:
    names = {note.name: note for note in found.models if note.name in BUILT_IN}
    sizes = Counter(str(one.recipe.get("sources", {}).get("kind")) for one in found.versions)
    drawn = "The images are drawn, not photographed. " if sizes["world"] else ""
    if not names:
        return f"{drawn}No part of this study ran on the small models that come with varifactory."
    parts = "; ".join(f"{note.stage} with {name}" for name, note in sorted(names.items()))
    return (
        f"{drawn}These parts ran on small models that come with varifactory: {parts}. What the "
        "study says of them does not carry over to large models."
    )


def _datasets(found: _Found) -> Lines:
    told: Lines = []
    variants = {(str(one["name"]), int(one["version"])): one for one in found.manifest.datasets}
    for version in found.versions:
        title, items = _title(version), found.items[_title(version)]
        variant = variants.get((version.name, version.version), {})
        differing = [f"{name} {variant[name]}" for name in ("dataset", "sweep", "generation_seed")
                     if variant.get(name) not in (None, "")]  # fmt: skip
        told += [
            (f"{title}: hash", version.dataset_hash),
            (f"{title}: recipe", version.recipe_fingerprint),
            (f"{title}: made", f"{version.created_at:%Y-%m-%d %H:%M:%S} UTC by {version.actor}, "
                               f"run {version.run_id}"),
            (f"{title}: differs in", ", ".join(differing) or "nothing"),
            (f"{title}: edits", f"{len(_kind(items, 'edit', 'ok')):,} accepted"),
        ]  # fmt: skip
    return told


def _kind(items: pa.Table, kind: str, status: str = "") -> pa.Table:
    wanted = pc.equal(items["kind"], kind)
    return items.filter(pc.and_(wanted, pc.equal(items["status"], status)) if status else wanted)


def _selection(found: _Found) -> Lines:
    training = found.manifest.recipe.get("training") or {}
    told: Lines = [(
        "what chose the epochs",
        f"accuracy on the validation images, every {training.get('validate_every', '?')} steps and "
        "at the last; the earliest of equals. Test images were scored once, with the chosen step",
    )]  # fmt: skip
    for title, items in found.items.items():
        real = _kind(items, "source", "ok")
        for split in ("train", "validation", "test"):
            mine = real.filter(pc.equal(real["split"], split))
            told.append((f"{title}: {split}", f"{len(mine):,} images, hash {_hash(mine)}"))
    told += _leaks(found)
    return told


def _hash(items: pa.Table) -> str:
    rows = zip(items["pixel_sha256"].to_pylist(), items["label"].to_pylist(), strict=True)
    text = json.dumps(sorted(map(list, rows)))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH]


def _leaks(found: _Found) -> Lines:
    kept = (found.manifest.recipe.get("study") or {}).get("leaks", "stop")
    if "leakage" not in found.rows:
        return [("copies of test images", "not looked for")]
    checks = len(found.rows["leakage"])
    return [("copies of test images", f"looked for by {checks} checks; what they do: {kept}")]


def _model(note: ModelNote) -> tuple[str, str]:
    told = [note.name, f"weights {note.sha256}" if note.sha256 else "", note.revision, note.dtype,
            note.licence]  # fmt: skip
    return note.stage, ", ".join(filter(None, told))


def _prompts(found: _Found) -> Lines:
    if "prompts" not in found.rows:
        return []
    pools: dict[tuple[str, str], list[str]] = {}
    wanted = ["label", "attribute", "feasibility", "text", "status"]
    for row in found.rows["prompts"].select(wanted).to_pylist():
        if row["status"] == "ok":
            pool = pools.setdefault((row["attribute"], row["feasibility"]), [])
            pool.append(f"{row['label']}: {row['text']}")
    return [
        (f"{attribute}, {side}", f"{len(texts):,} prompts, hash {_texts_hash(texts)}")
        for (attribute, side), texts in sorted(pools.items())
    ]


def _texts_hash(texts: Iterable[str]) -> str:
    return hashlib.sha256(json.dumps(sorted(texts)).encode()).hexdigest()[:HASH]


def _seeds(found: _Found) -> Lines:
    sources = found.manifest.recipe.get("sources") or {}
    generation = {cell.generation_seed for cell in found.manifest.cells} - {None}
    trained = {cell.seed for cell in found.manifest.cells}
    told = [
        ("generation", ", ".join(map(str, sorted(map(int, filter(None, generation)))))
                       or str(found.manifest.recipe.get("seed", ""))),
        ("training", ", ".join(map(str, sorted(trained)))),
        ("choice of the training images", str(sources.get("shot_seed", ""))),
    ]  # fmt: skip
    if sources.get("kind") == "world":
        told.append(("drawn world", str((sources.get("world") or {}).get("seed", ""))))
    return told


def _refused(found: _Found) -> Lines:
    told: Lines = []
    for stage, rows in found.rows.items():
        counts = Counter(rows["status"].to_pylist())
        told.append((stage, ", ".join(f"{n:,} {status}" for status, n in sorted(counts.items()))))
    for title, items in found.items.items():
        edits = _kind(items, "edit")
        counts = Counter(edits["status"].to_pylist())
        forced = int(pc.sum(pc.fill_null(edits["forced"], False)).as_py() or 0)
        ended = ", ".join(f"{n:,} {status}" for status, n in sorted(counts.items())) or "none"
        told.append((f"{title}: edits", f"{ended}; {forced:,} taken although refused"))
    return told


def _time(found: _Found) -> Lines:
    told: Lines = []
    cards = processors = 0.0
    for stage, rows in found.rows.items():
        if stage in UNTIMED:
            continue
        for device, items, seconds in _by_device(rows):
            on_card = device.lower() not in PROCESSORS
            cards += seconds * on_card
            processors += seconds * (not on_card)
            told.append((stage, f"{items:,} items, {seconds:,.1f} s on {device}"))
    prices = found.manifest.recipe.get("prices") or {}
    return [
        *told,
        ("cards", _hours(cards, float(prices.get("gpu_hour") or 0), "prices.gpu_hour")),
        ("processors", _hours(processors, float(prices.get("cpu_hour") or 0), "prices.cpu_hour")),
    ]


def _by_device(rows: pa.Table) -> Iterator[tuple[str, int, float]]:
    devices = rows.set_column(
        rows.schema.get_field_index("device"), "device", pc.fill_null(rows["device"], "unknown")
    )
    grouped = devices.group_by(["device"]).aggregate([("key", "count"), ("seconds", "sum")])
    for row in sorted(grouped.to_pylist(), key=lambda row: str(row["device"])):
        yield str(row["device"]), int(row["key_count"]), float(row["seconds_sum"] or 0)


def _hours(seconds: float, price: float, key: str) -> str:
    worth = f", {dollars(seconds / 3600 * price)} at {dollars(price)} an hour" if price else ""
    unknown = "" if price or not seconds else f"; {key} names no price"
    return f"{seconds / 3600:.4f} hours ({duration(seconds)}){worth}{unknown}"


def _paid(found: _Found) -> Lines:
    told: Lines = []
    for stage, rows in found.rows.items():
        if "cost_usd" not in rows.column_names:
            continue
        known = rows["cost_usd"].drop_null()
        if len(known):
            unknown = len(rows) - len(known)
            more = f"; of {unknown:,} the price is not known" if unknown else ""
            told.append(
                (stage, f"{dollars(float(pc.sum(known).as_py()))} for {len(known):,}{more}")
            )
    return told or [("providers", "nothing was paid that a row tells of")]


def _machines(found: _Found) -> Lines:
    places: dict[str, Counter[str]] = {}
    for stage, rows in found.rows.items():
        if "versions" in rows.column_names:
            for versions, count in Counter(rows["versions"].to_pylist()).items():
                places.setdefault(versions or "{}", Counter())[stage] += count
    return [
        (", ".join(f"{count:,} {stage}" for stage, count in stages.items()),
         libraries_in_words(json.loads(versions)))
        for versions, stages in sorted(places.items(), key=lambda one: -one[1].total())
    ]  # fmt: skip


def _choices(found: _Found) -> Lines:
    """Every key of the study's recipe."""
    return [(name, _plain(value)) for name, value in sorted(flat(found.manifest.recipe).items())]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
