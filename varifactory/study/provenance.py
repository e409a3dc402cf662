"""What a study was made of, by whom, on what, and what it took: from the store alone."""

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.history.deviations import PROCESSORS
from varifactory.history.models_used import ModelNote
from varifactory.history.provenance import libraries_in_words
from varifactory.models.provider.estimate import dollars
from varifactory.quantities import duration
from varifactory.runs.misses import flat
from varifactory.store import Store, StudyManifest
from varifactory.study.origins import BUILT_IN, Origins, title_of
from varifactory.training.arms import ARMS

Lines = list[tuple[str, str]]
UNTIMED = ("predictions", "checkpoints")
"""Stages whose seconds are their cell's."""
HASH = 16
"""Digits of a hash of images or prompts, which no object of the store is named by."""


def provenance(store: Store, manifest: StudyManifest) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Section -> (what, value), all as text.

    Raises:
        StoreError: a data set version that the study names is not there, or damaged.
    """
    found = Origins(store, manifest)
    return {
        "Study": _study(found),
        "Small models": [("in words", _in_words(found))],
        "Data sets": _datasets(found),
        "Selection": _selection(found),
        "Models": [model_in_words(note) for note in found.models],
        "Prompts": _prompts(found),
        "Seeds": _seeds(found),
        "Refused and forced": _refused(found),
        "Time": _time(found),
        "Paid": _paid(found),
        "Machines and libraries": _machines(found),
        "Choices": _choices(found),
    }


def small_models(store: Store, manifest: StudyManifest) -> tuple[str, ...]:
    """Parts that ran on the small models that come with varifactory: ``masks (small-sam)``."""
    return _small(Origins(store, manifest))


def _small(found: Origins) -> tuple[str, ...]:
    notes = sorted((note for note in found.models if note.name in BUILT_IN),
                   key=lambda note: note.name)  # fmt: skip
    return tuple(f"{note.stage} ({note.name})" for note in notes)


def _study(found: Origins) -> Lines:
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


def _command(found: Origins) -> str:
    """The recipe lies beside the study; what the store holds is not made again."""
    one, where = found.manifest, found.store.backend.show("").rstrip("/")
    recipe = found.store.study_path(one.name, one.version, "recipe.yaml")
    run = f"--store {shlex.quote(where)}"
    if not found.store.backend.remote:
        return f"python -m flows.study {shlex.quote(recipe)} {run}"
    code = (
        "import json; from varifactory.store import Store; "
        f"print(json.dumps(Store({where!r}).study({one.name!r}, {one.version}).recipe))"
    )
    return f"python -c {shlex.quote(code)} > recipe.yaml && python -m flows.study recipe.yaml {run}"


def _in_words(found: Origins) -> str:
    kinds = {str((one.recipe.get("sources") or {}).get("kind")) for one in found.versions}
    drawn = "Images of this study are drawn, not photographed. " if "world" in kinds else ""
    parts = _small(found)
    if not parts:
        return f"{drawn}No part of it ran on the small models that come with varifactory."
    return (
        f"{drawn}These parts ran on small models that come with varifactory: {'; '.join(parts)}. "
        "What is found with them says nothing of large models."
    )


def _datasets(found: Origins) -> Lines:
    told: Lines = []
    variants = {(str(one["name"]), int(one["version"])): one for one in found.manifest.datasets}
    for version in found.versions:
        title, items = title_of(version), found.items[title_of(version)]
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


def _selection(found: Origins) -> Lines:
    training = found.manifest.recipe.get("training") or {}
    told: Lines = [(
        "what chose the epochs",
        "accuracy on the validation images (training.validate_every "
        f"{training.get('validate_every', 'unknown')}, and at the last step), the earliest of "
        "equals; test images were scored once, with the step chosen",
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


def _leaks(found: Origins) -> Lines:
    kept = (found.manifest.recipe.get("study") or {}).get("leaks", "stop")
    if "leakage" not in found.rows:
        return [("copies of test images", "not looked for")]
    checks = len(found.rows["leakage"])
    return [("copies of test images", f"looked for by {checks} checks; what they do: {kept}")]


def model_in_words(note: ModelNote) -> tuple[str, str]:
    """Where it took part; its name, weights and licence."""
    told = [note.name, f"weights {note.sha256}" if note.sha256 else "", note.revision, note.dtype,
            note.licence]  # fmt: skip
    return note.stage, ", ".join(filter(None, told))


def _prompts(found: Origins) -> Lines:
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


def _seeds(found: Origins) -> Lines:
    sources = found.manifest.recipe.get("sources") or {}
    cells = found.manifest.cells
    edited = [cell for cell in cells if ARMS[cell.arm].needs_edits]
    generation = {cell.generation_seed for cell in edited if cell.generation_seed is not None}
    trained = {cell.seed for cell in cells if ARMS[cell.arm].trained}
    told = [
        ("generation", _numbers(generation) or "none: no cell holds edits"),
        ("training", _numbers(trained) or "none: no cell is trained"),
        ("choice of the training images", str(sources.get("shot_seed", ""))),
    ]  # fmt: skip
    if sources.get("kind") == "world":
        told.append(("drawn world", str((sources.get("world") or {}).get("seed", ""))))
    return told


def _numbers(values: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(values)))


def _refused(found: Origins) -> Lines:
    told: Lines = []
    for stage, rows in found.rows.items():
        told.append((stage, _counted(Counter(rows["status"].to_pylist()))))
    for version in found.versions:
        title = title_of(version)
        for stage, ended in sorted(version.counts.items()):
            told.append((f"{title}: {stage}", _counted(ended)))
        edits = _kind(found.items[title], "edit")
        forced = int(pc.sum(pc.fill_null(edits["forced"], False)).as_py() or 0)
        told.append((f"{title}: taken although refused", f"{forced:,} of {len(edits):,} edits"))
    return told


def _counted(statuses: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items()) if count)


def _time(found: Origins) -> Lines:
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


def _paid(found: Origins) -> Lines:
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


def _machines(found: Origins) -> Lines:
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


def _choices(found: Origins) -> Lines:
    """Every key of the study's recipe."""
    return [(name, _plain(value)) for name, value in sorted(flat(found.manifest.recipe).items())]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
