import hashlib
import json
from dataclasses import replace

import pytest

from varifactory import keys, records
from varifactory.errors import TrainingError
from varifactory.models import registry
from varifactory.models.clip.lora import LoraClip
from varifactory.recipe import Recipe, Training
from varifactory.recipe.study import TRAINEES
from varifactory.training.cells import CellSettings
from varifactory.training.grid import Factors, Stratum, factors, variants
from varifactory.training.planning import NOT_SETTINGS, SETTINGS, plan_cells, training_spec

BEFORE = {
    ("zero-shot", 1): "90a73a3b9287162b30a87d57a1c02d53ea8268b6a715773ee7ee582db9c4677e",
    ("zero-shot", 2): "2584328efc919f3ea9254b42ecedf59d41329208cb71b6705bc345e79f79e871",
    ("real", 1): "df4fa6292a1afe91a2db9e1b73b6cf4f446ab6c9c1b9345c047a34b2c56c43c8",
    ("real", 2): "ac0aac3a53223a0df79d4b1561d2d0f5b7ff07b83c473533a0dcfa15c1f3c9a7",
    ("real-standard", 1): "2de732822af80d691146ffeba3063f283bf4cbb60d3917345dba9463169ebfe4",
    ("real-standard", 2): "4958d2a3ffce794f1bb011eff4eb489bb47bb97e93c5c2c2c10bab2a097f22a8",
    ("copy-real", 1): "6ecc9c0c91372f36a7bad33a8dc74085aa78048d4f469348d273036ee42672fd",
    ("copy-real", 2): "f81034377c3934e75e2e4fd429a47cdf05f81a169146cf4ebeed2f0e4d5d912b",
    ("mixed", 1): "27459aa0c5eb0e04c98d3b2a151525c19662a1047e230e9819c96e52fd7eb79b",
    ("mixed", 2): "33480e22959d37d0ffef06380d77a95f360d9344bd83f58b27dac61cac8bf62c",
    ("real+feasible", 1): "b3e2e0ead18fcecfff65b5458150d5edc580b6bc326adea8effe5b375eccfc0e",
    ("real+feasible", 2): "52e8cdcfbd3720aded89c1e6d33baa9bb79aed1a84f32884ba9cfee90ac9bc69",
}
"""Keys of cells as they were planned before there was a grid: who trained them finds them again."""
ARMS = tuple(dict.fromkeys(arm for arm, _ in BEFORE))


def pixels(*told) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()


SOURCES = [
    {"key": f"s{label}{split}{n}", "status": "ok", "label": label, "split": split,
     "pixel_sha256": pixels(label, split, n)}
    for label in ("apple", "taxi") for split in ("train", "validation", "test") for n in range(2)
]  # fmt: skip


def edits(attribute="background", index=0) -> list[dict]:
    """A pair of every training source; the first ones have the pixels of ``BEFORE``."""
    usual = (attribute, index) == ("background", 0)
    return [
        {"key": f"i{source['key']}{side}{attribute}{index}", "kind": "edit", "split": "train",
         "status": "ok", "label": source["label"], "source_key": source["key"],
         "attribute": attribute, "feasibility": side, "editor": "compositor", "index": index,
         "attempt": 0, "paired": True,
         "pixel_sha256": pixels(source["key"], side, *(() if usual else (attribute, index)))}
        for source in SOURCES if source["split"] == "train" for side in ("feasible", "infeasible")
    ]  # fmt: skip


EDITS = [*edits(), *edits(index=1), *edits("color"), *edits("color", 1)]


def recipe(study=None, **training) -> Recipe:
    return Recipe.parse(
        {"name": "tiny", "sources": {"kind": "world"}, "study": study or {},
         "training": {"arms": list(ARMS), "seeds": [1, 2]} | training}
    )  # fmt: skip


def lora_spec(made: Recipe) -> str:
    return keys.spec_of("training", training_spec(made, LoraClip(template=made.training.template)))


def planned(made: Recipe, cells, items=EDITS) -> list[dict]:
    return plan_cells(lora_spec(made), made, SOURCES, items, cells)


def test_cells_of_before_keep_their_keys():
    made = recipe()
    rows = plan_cells(lora_spec(made), made, SOURCES, edits())
    assert {(row["arm"], row["seed"]): row["key"] for row in rows} == BEFORE


def test_the_grids_usual_cells_are_those_of_before():
    made = recipe()
    (variant,) = variants(made)
    rows = planned(variant.recipe, factors(made, variant), edits())
    trained = {place: key for place, key in BEFORE.items() if place[0] != "zero-shot"}
    found = {(row["arm"], row["seed"]): row["key"] for row in rows}
    assert {place: found.pop(place) for place in trained} == trained
    # What is never trained is one cell, whatever the training seeds are.
    assert set(found) == {("zero-shot", 0)}


def test_every_factor_makes_a_cell_of_its_own_and_is_told_in_its_settings():
    made = recipe()
    usual = Factors(Stratum(trainee="clip-lora", augmentation="flip"), "real+mixed", 0, 1)
    changes = {
        "schedule": "bridged", "attribute": "color", "per_source": 1, "augmentation": "geometry",
    }  # fmt: skip
    cells = [replace(usual, stratum=replace(usual.stratum, **{name: value}))
             for name, value in changes.items()]  # fmt: skip
    rows = planned(made, [usual, *cells, replace(usual, seed=2)])
    assert len({row["key"] for row in rows}) == len(rows) == 6
    records.table("training", rows)
    settings = [CellSettings.read(row["settings"]) for row in rows]
    told = {"schedule": settings[1].schedule, "attribute": settings[2].attribute,
            "per_source": settings[3].per_source,
            "augmentation": settings[4].lora.augmentation}  # fmt: skip
    assert told == changes
    assert settings[0].schedule == "mixed"
    assert (settings[0].attribute, settings[0].per_source, settings[0].editor) == (
        "all", 0, made.edits.editor)  # fmt: skip
    assert [row["train_edits"] for row in rows] == [16, 16, 8, 8, 16, 16]


def test_a_factor_at_its_default_is_no_part_of_the_key():
    made = recipe()
    plain = Factors(Stratum(), "real+mixed", 0, 1)
    told = Stratum(trainee="clip-lora", augmentation=made.training.augmentation, attribute="all",
                   schedule="mixed")  # fmt: skip
    one, other = planned(made, [plain, replace(plain, stratum=told)])
    assert one == other


def test_settings_of_cells_of_before_are_read():
    row = planned(recipe(), None)[0]
    old = json.loads(row["settings"])
    for name in ("trainee", "schedule", "attribute", "per_source", "editor"):
        del old[name]
    found = CellSettings.read(json.dumps(old))
    assert (found.trainee, found.schedule, found.attribute) == ("clip-lora", "mixed", "all")


def test_every_setting_is_some_trainees_or_no_setting_at_all():
    own = set(Training.model_fields) - NOT_SETTINGS
    everywhere = own.union(*SETTINGS.values())
    told_by_identity = NOT_SETTINGS - {
        "probe_rate", "probe_decay", "classifier_rate", "classifier_decay"}  # fmt: skip
    assert everywhere | told_by_identity == set(Training.model_fields)
    assert {*SETTINGS, "clip-lora"} == set(TRAINEES)


@pytest.mark.parametrize(
    ("trainee", "own", "others"),
    [
        ("linear-probe", {"probe_rate": 0.5}, {"learning_rate": 0.5, "augmentation": "none"}),
        ("classifier", {"classifier_rate": 0.5}, {"probe_rate": 0.5, "rank": 3}),
        ("clip-lora", {"learning_rate": 0.5}, {"probe_rate": 0.5, "classifier_rate": 0.5}),
    ],
)
def test_a_trainees_spec_holds_its_own_settings(trainee, own, others):
    def spec(**training) -> str:
        made = recipe(trainee=trainee, **training)
        return keys.spec_of("training", training_spec(made, registry.trainee(made)))

    assert spec(**own) != spec()
    assert {spec(**{name: value}) for name, value in others.items()} == {spec()}
    assert spec(steps=7) != spec()


def test_cells_that_a_trainee_cannot_have_are_refused():
    made = recipe(trainee="linear-probe", arms=["zero-shot"])
    with pytest.raises(TrainingError, match="'zero-shot' needs a trainee that knows classes"):
        plan_cells("spec", made, SOURCES, EDITS)
    made = recipe(trainee="linear-probe", arms=["real-standard"])
    with pytest.raises(TrainingError, match="learns from vectors that were made before"):
        plan_cells("spec", made, SOURCES, EDITS)
    bridged = Factors(Stratum(schedule="bridged"), "real", 0, 1)
    with pytest.raises(TrainingError, match="images of one kind alone"):
        planned(recipe(), [bridged])
