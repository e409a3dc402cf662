"""What a study needs is kept, checked and counted; a dropped one lets go of it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from tests.varifactory.store.test_collecting import blob, emptied, has, kinds, on_one_server
from varifactory.command import main
from varifactory.store import (
    Manifest,
    ManifestPart,
    Store,
    StoreError,
    StudyCell,
    StudyManifest,
    dataset_hash,
    names,
)

Rows = Callable[..., pa.Table]
TRAINED, EMBEDDED, UNUSED, ITEMS = "a" * 64, "b" * 64, "c" * 64, "d" * 64


def dataset(store: Store, rows: Rows) -> Manifest:
    """A version of two test images and one that was refused."""
    items = rows(["s1", "s2"], kind="source", split="test", pixel_sha256="x", label="owl")
    refused = rows(["s3"], "rejected", kind="source", split="test", pixel_sha256="y", label="owl")
    table = pa.concat_tables([items, refused])
    part = store.append("items", ITEMS, table)
    return store.publish(
        Manifest(
            name="cats", version=1, created_at=datetime.now(UTC), actor="ann", recipe={},
            recipe_fingerprint="f", dataset_hash=dataset_hash(table), counts={}, run_id="gone",
            parts=(
                ManifestPart(stage="items", spec=ITEMS, name=part.name, rows=3, bytes=part.bytes),
            ),
        )
    )  # fmt: skip


def trained(store: Store, rows: Rows, spec: str, keys: str) -> list[str]:
    """Cells with an adapter each and predictions of both test images; the adapters."""
    adapters = [blob(store, f"adapter {spec[0]}{key}") for key in keys]
    store.append("training", spec, rows(
        keys, arm="real", seed=1, adapter_blob=adapters, chosen_step=1, validation_top1=0.5,
        test_top1=0.5,
    ))  # fmt: skip
    predicted = [(key, image) for key in keys for image in ("s1", "s2")]
    store.append("predictions", spec, rows(
        [f"{key}{image}" for key, image in predicted], training_key=[key for key, _ in predicted],
        source_key=[image for _, image in predicted],
    ))  # fmt: skip
    return adapters


@pytest.fixture
def study(store: Store, rows: Rows) -> StudyManifest:
    """A study of two cells on a data set version; no run is left that made either."""
    held = dataset(store, rows)
    trained(store, rows, TRAINED, "kl")
    store.append("embeddings", EMBEDDED, rows("e"))
    return store.put_study(StudyManifest(
        name="pets", version=1, created_at=datetime.now(UTC), actor="ann", run_id="gone",
        recipe={}, plan=store.register_plan("pets", {"margin": 0.005}),
        datasets=({"name": "cats", "version": 1, "dataset_hash": held.dataset_hash},),
        cells=tuple(
            StudyCell(trainee="clip-lora", arm="real", seed=1, name="cats", version=1,
                      spec=TRAINED, key=key)
            for key in "kl"
        ),
        specs={f"embeddings/{EMBEDDED}": {}}, provenance={}, study_hash="",
    ))  # fmt: skip


def details(store: Store) -> list[tuple[str, str]]:
    return [(one.kind, one.detail) for one in store.verify(heal=False).findings]


@on_one_server
def test_what_a_study_needs_stays_until_it_is_dropped(
    store: Store, rows: Rows, study: StudyManifest
) -> None:
    kept = store.rows("training", TRAINED)["adapter_blob"].to_pylist()
    lost = trained(store, rows, UNUSED, "u")
    store.put_study_file("pets", 1, "report.html", b"page")
    store.put_study_file("pets", 7, "report.html", b"of no version")
    store.backend.put_over("studies/notes.txt", b"mine")
    told = store.collect(keep_runs=0)
    assert kinds(told) == {"unused rows": 2, "study files": 1}
    assert told.looked_at["studies"] == 1
    assert told.strange == ("studies/notes.txt",)
    emptied(store, keep_runs=0)
    assert [has(store, name) for name in (*kept, *lost)] == [True, True, False]
    assert store.verify().whole
    with pytest.raises(StoreError, match=r"needed by the studies.*pets@1"):
        store.drop("cats", 1, "ann")
    store.drop_study("pets", 1, "ann", "of no use")
    store.drop("cats", 1, "ann")
    assert store.studies() == []
    emptied(store, keep_runs=0)
    assert not any(has(store, name) for name in kept)
    left = sorted(entry.name for entry in store.backend.walk(names.STUDIES))
    assert left[0] == "notes.txt"
    assert left[1] == "pets/1.dropped.json"
    assert [name.partition("-")[0] for name in left[2:]] == ["pets/plan"]
    with pytest.raises(StoreError, match="no study 'pets'"):
        store.study("pets")


@on_one_server
def test_a_pinned_study_cannot_be_dropped_and_a_dropped_number_is_not_given_again(
    store: Store, study: StudyManifest
) -> None:
    store.pin("paper", "ann", studies=(("pets", 1),))
    store.pin("older", "ann", versions=(("cats", 1),))
    with pytest.raises(StoreError, match=r"pets@1 is pinned by \['paper'\]"):
        store.drop_study("pets", 1, "ann")
    held = [json.loads(store.backend.read(names.pin(name))) for name in ("paper", "older")]
    assert ["studies" in one for one in held] == [True, False]
    assert store.pins()[1].studies == (("pets", 1),)
    store.unpin("paper")
    with pytest.raises(StoreError, match=r"no version 2.*\[1\]"):
        store.pin("paper", "ann", studies=(("pets", 2),))
    store.drop_study("pets", 1, "ann")
    with pytest.raises(StoreError, match="no study"):
        store.drop_study("pets", 1, "ann")
    assert store.put_study(study).version == 2


@on_one_server
def test_verify_tells_what_a_study_lacks(store: Store, rows: Rows, study: StudyManifest) -> None:
    assert store.verify().checked["studies"] == 1
    assert store.verify().whole
    store.invalidate("predictions", TRAINED, ["ks2"], "lost")
    assert [kind for kind, _ in details(store)] == ["study damaged"]
    assert "of 1 cells (k) predictions are missing" in details(store)[0][1]
    store.invalidate("training", TRAINED, ["l"], "lost")
    assert any("1 cells (l) are not in the store" in detail for _, detail in details(store))
    store.append("predictions", TRAINED, rows(["ks2"], training_key="k", source_key="s2"))
    store.append("training", TRAINED, rows("l", arm="real", chosen_step=2))
    assert store.verify().whole  # trained again and otherwise: no damage
    assert [cell.key for cell in store.trained_since(study)] == ["l"]
    edited = study.model_copy(update={"cells": study.cells[:1]})
    store.backend.put_over(names.study("pets", 1), edited.model_dump_json().encode())
    assert "it was edited" in details(store)[0][1]
    store.backend.put_over(names.study("pets", 1), b"{}")
    assert [kind for kind, _ in details(store)] == ["study unreadable"]
    with pytest.raises(StoreError, match="no study of this version"):
        store.collect()


def test_a_folder_of_studies_that_is_a_link_stops_the_collection(
    local: Store, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "store" / "studies").mkdir()
    (tmp_path / "store" / "studies" / "pets").symlink_to(elsewhere)
    with pytest.raises(StoreError, match="pets is a link"):
        local.collect()


@pytest.mark.parametrize("url", ["local"], indirect=True)
def test_usage_counts_a_study_and_the_commands_know_it(
    store: Store, rows: Rows, study: StudyManifest
) -> None:
    found = store.usage()
    assert found.folders["studies"] > 0
    (told,) = found.by["study"]
    assert (told.name, told.blobs, told.own_bytes) == ("pets@1", 2, 2 * len(b"adapter ak"))

    def ask(*words: str) -> str:
        answer = CliRunner().invoke(main, [*words, "--store", store.url])
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    assert "pets@1" in ask("du", "--by", "study")
    listed = ask("studies")
    assert "pets@1  2 cells  on cats@1" in listed
    assert "by ann" in listed
    store.put_study_file("pets", 1, "report.json", b'{"verdict": "No winner:\\nspans zero."}')
    store.invalidate("training", TRAINED, ["l"], "again")
    store.append("training", TRAINED, rows("l", arm="real", chosen_step=2))
    listed = ask("studies")
    assert "    No winner: spans zero.\n" in listed
    assert "1 cells were trained again since" in listed
    (one,) = json.loads(ask("studies", "--json"))["studies"]["pets"]
    assert (one["version"], one["datasets"], one["cells"]) == (1, ["cats@1"], 2)
    ask("pin", "paper", "--study", "pets@1")
    assert "study pets@1" in ask("pin")
    ask("pin", "paper", "--out")
    assert "would be dropped" in ask("gc", "--drop-study", "pets@1")
    assert store.studies() == [("pets", [1])]
    ask("gc", "--delete", "--drop-study", "pets@1", "--drop", "cats@1")
    assert (store.studies(), store.datasets()) == ([], [("cats", [])])
    assert "no study yet" in ask("studies")
