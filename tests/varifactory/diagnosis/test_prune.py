from dataclasses import replace

import numpy as np
import pytest

from tests.stored_digits import Given, digits, encoded, plan_of, real, shifted, stored
from varifactory.calibration.sampling import accepted
from varifactory.datasets import open_dataset
from varifactory.diagnosis.plan import keep_plan
from varifactory.diagnosis.population import PopulationError, population
from varifactory.diagnosis.prune import Asked, prune
from varifactory.errors import FactoryError
from varifactory.history.commands import left_out
from varifactory.items import LEFT_OUT
from varifactory.store import Manifest, Store
from varifactory.training.arms import mixture

ORDER = np.random.default_rng(1).permutation(1797)
REAL = real(ORDER[:500])
GOOD = shifted(ORDER[500:600], seed=1, spread=0.05)


def noise(count: int) -> list[Given]:
    """Images of noise, as foreign ones of some class."""
    pictures = np.random.default_rng(2).uniform(0, 16, (count, 8, 8))
    like = shifted(range(count), seed=3)
    return [
        replace(one, picture=np.rint(15 * picture).astype(np.uint8), vector=vector)
        for one, picture, vector in zip(like, pictures, encoded(pictures), strict=True)
    ]


NOISE = noise(100)


@pytest.fixture
def store(tmp_path) -> Store:
    found = Store(str(tmp_path))
    found.prepare()
    return found


@pytest.fixture
def half(store) -> Manifest:
    """A version half of whose synthetic images are noise, diagnosed."""
    manifest = stored(store, [*REAL, *GOOD, *NOISE])
    keep_plan(store, plan_of(manifest))
    return manifest


def statuses(store: Store, manifest: Manifest) -> dict[str, str]:
    """Pixels of a synthetic image -> status."""
    items = open_dataset(store.url, manifest.name, manifest.version).table().to_pylist()
    return {row["pixel_sha256"]: row["status"] for row in items if row["kind"] == "foreign"}


@pytest.mark.parametrize("asked", [Asked(keep=0.45), Asked(realism=1.0)])
def test_what_is_far_from_real_images_is_rejected_with_the_reason(store, half, asked) -> None:
    found = prune(store, half, asked, "pruned", actor="ann")
    held = found.derived.manifest
    assert (held.name, held.version, held.actor) == ("pruned", 1, "ann")
    assert not found.derived.adopted
    before = open_dataset(store.url, "digits", 1).table().to_pylist()
    data = open_dataset(store.url, "pruned", 1)
    after = data.table().to_pylist()
    assert len(before) == len(after) == 700
    gone = [row for row in after if row["status"] == "rejected"]
    assert {row["stage"] for row in gone} == {LEFT_OUT}
    assert all(row["reason"].startswith("left out by prune: ") for row in gone)
    noisy = {one.vector.tobytes() for one in NOISE}
    vectors = dict(zip(
        (known := population(store, half, plan_of(half)).synthetic).pixels,
        (vector.tobytes() for vector in known.vectors), strict=True,
    ))  # fmt: skip
    lost = {vectors[row["pixel_sha256"]] for row in gone}
    assert noisy <= lost
    assert len(gone) <= 110
    kept = {row["key"] for row in before} & {row["key"] for row in after}
    assert len(kept) == 700 - len(gone)
    assert found.after.value.estimate > found.before.value.estimate + 0.15
    assert sum(found.left_out.values()) == len(gone)
    assert sum(found.kept.values()) == 200 - len(gone)
    assert store.verify().whole


def test_the_same_again_is_the_same_version(store, half) -> None:
    first = prune(store, half, Asked(keep=0.5), "pruned", actor="ann")
    again = prune(store, half, Asked(keep=0.5), "pruned", actor="bob")
    assert again.derived.adopted
    assert again.derived.manifest == first.derived.manifest
    other = prune(store, half, Asked(keep=0.4), "pruned", actor="bob").derived.manifest
    assert other.version == 2
    assert other.recipe_fingerprint != first.derived.manifest.recipe_fingerprint
    mine = prune(store, half, Asked(keep=0.5), "digits", actor="ann").derived.manifest
    assert (mine.name, mine.version) == ("digits", 2)
    assert statuses(store, half) != statuses(store, mine)


def test_a_name_of_other_contents_is_refused(store, half) -> None:
    stored(store, [*REAL[:3], *GOOD[:3]], "cats")
    with pytest.raises(FactoryError, match=r"'cats' was made by 'an unknown flow', not by a prune"):
        prune(store, half, Asked(keep=0.5), "cats", actor="ann")
    store.write_run("run", {"flow": "generate"})
    with pytest.raises(FactoryError, match=r"'cats' was made by 'generate', .* or 'digits' itself"):
        prune(store, half, Asked(keep=0.5), "cats", actor="ann")
    assert dict(store.datasets()) == {"cats": [1], "digits": [1]}


def test_a_pruned_version_is_a_data_set_like_any_other(store, half) -> None:
    held = prune(store, half, Asked(keep=0.5), "pruned", actor="ann").derived.manifest
    keep_plan(store, plan_of(held))
    assert len(population(store, held, plan_of(held)).synthetic) == 100
    card = store.get_export("pruned", 1, "card.md").decode()
    assert "varifactory prune digits@1 --store" in card
    assert "--keep 0.5" in card
    record = store.read_run(held.run_id)
    (command,) = left_out(record, "/store")
    assert command.startswith("varifactory prune digits@1 --store /store --as pruned --keep 0.5")
    assert store.ended(held.run_id)["dataset"]["name"] == "pruned"
    assert left_out({"flow": "ingest", "asked": {}}, "/store") == []


def edits(places: list[int], feasibility: str, seed: int, spread: float) -> list[Given]:
    made = shifted(places, seed, spread)
    return [
        replace(one, kind="edit", source=at, attribute="background", paired=True,
                feasibility=feasibility)
        for at, one in zip(places, made, strict=True)
    ]  # fmt: skip


def test_an_edit_that_stays_without_its_partner_is_not_paired(store) -> None:
    places = list(range(60))
    images = [*REAL, *edits(places, "feasible", 1, 0.1), *edits(places, "infeasible", 2, 0.1)]
    far = {500, 501, 502, 563}
    bad = dict(zip(sorted(far), noise(4), strict=True))
    images = [replace(one, vector=bad[at].vector) if at in far else one
              for at, one in enumerate(images)]  # fmt: skip
    manifest = stored(store, images)
    keep_plan(store, plan_of(manifest))
    found = prune(store, manifest, Asked(keep=116 / 120), "pruned", actor="ann")
    rows = open_dataset(store.url, "pruned", 1).table().to_pylist()
    made = [row for row in rows if row["kind"] == "edit"]
    gone = [row for row in made if row["status"] == "rejected"]
    assert len(gone) == found.parted == 4
    assert sum(row["paired"] for row in made) == 112
    assert not any(row["paired"] for row in gone)
    sources = [row for row in rows if row["kind"] == "source"]
    assert len(mixture("mixed", sources, rows, seed=1).edits) == 56
    assert all(accepted(row) for row in made)  # the judge's word on them was another


WRONG = (
    (Asked(), r"give either --keep"),
    (Asked(0.5, 1.0), r"give either --keep"),
    (Asked(keep=0.0), r"--keep 0: give a share above 0 and below 1"),
    (Asked(keep=1.0), r"--keep 1: give a share"),
    (Asked(keep=float("nan")), r"--keep nan: give a share"),
    (Asked(realism=-1.0), r"--realism -1: give a number above 0"),
    (Asked(realism=float("nan")), r"--realism nan"),
    (Asked(realism=1e-6), r"nothing is left out of digits@1: no image, or every one"),
    (Asked(realism=1e6), r"nothing would stay of digits@1"),
    (Asked(keep=0.999), r"nothing is left out of digits@1: --keep 0.999 of so few"),
)


def test_what_cannot_be_asked_is_refused(store, half) -> None:
    for asked, said in WRONG:
        with pytest.raises(FactoryError, match=said):
            prune(store, half, asked, "pruned", actor="ann")
    assert [name for name, _ in store.datasets()] == ["digits"]


def towards(store: Store, half: Manifest, upper: set[str]) -> str:
    """The plan of a diagnosis of ``half`` towards a target, some of its classes in capitals."""
    target = [replace(one, label=one.label.upper() if one.label in upper else one.label)
              for one in real(ORDER[600:800])]  # fmt: skip
    held = stored(store, target, "target")
    plan = plan_of(half, target={"name": "target", "version": held.version})
    keep_plan(store, plan)
    return plan.hash12


def test_no_class_is_left_out_because_the_target_spells_it_otherwise(store, half) -> None:
    plan = towards(store, half, set(digits().labels))
    with pytest.raises(PopulationError, match="share no class: it has 'EIGHT', 'FIVE'"):
        prune(store, half, Asked(keep=0.5), "pruned", actor="ann", plan=plan)
    assert [name for name, _ in store.datasets()] == ["digits", "target"]
    plan = towards(store, half, {"zero"})
    found = prune(store, half, Asked(keep=0.5), "pruned", actor="ann", plan=plan)
    assert "the target target@2 has no image of 'zero'" in found.notes[0]
    assert not found.kept["zero"]
    assert prune(store, half, Asked(keep=0.5), "other", actor="ann", plan=towards(
        store, half, set())).notes == ()  # fmt: skip


def test_a_version_without_a_diagnosis_says_what_to_run(store) -> None:
    manifest = stored(store, [*REAL, *GOOD])
    with pytest.raises(
        PopulationError, match=r"digits@1 was never diagnosed: run .*flows.diagnose"
    ):
        prune(store, manifest, Asked(keep=0.5), "pruned", actor="ann")


def test_realism_of_a_class_with_one_real_image_cannot_be_asked(store) -> None:
    twos = set(digits().of("two").tolist())
    places = [at for at in ORDER[:300].tolist() if at not in twos]
    manifest = stored(store, [*real([*places, min(twos)]), *GOOD])
    keep_plan(store, plan_of(manifest))
    with pytest.raises(PopulationError, match=r"one real image alone of 'two'.*--keep"):
        prune(store, manifest, Asked(realism=1.0), "pruned", actor="ann")
    assert prune(store, manifest, Asked(keep=0.5), "pruned", actor="ann").derived.manifest
