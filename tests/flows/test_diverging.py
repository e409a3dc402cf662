"""A cell whose loss is no number: it fails alone, and the study goes on and is published."""

from pathlib import Path

from flows.study import study
from tests.flows.conftest import Make
from varifactory.store import Store


def test_a_loss_that_is_no_number_fails_its_own_cell_alone(
    tiny: Make, prefect_server: str, tmp_path: Path
) -> None:
    recipe = tiny(
        training__arms=["real", "copy-real"], study__trainees=["classifier", "clip-lora"],
        training__steps=3, training__classifier_decay=1e30, run__workers=1, run__shard_size=1,
        edits__compare={"count": 0},
    )  # fmt: skip
    said = study(recipe, str(tmp_path))
    store = Store(str(tmp_path))
    rows = [row for spec in store.specs("training") for row in store.rows("training", spec)
            .select(["arm", "status", "reason", "error_type", "settings"]).to_pylist()]  # fmt: skip
    failed = [row for row in rows if row["status"] == "failed"]
    assert [row["status"] for row in rows if '"clip-lora"' in row["settings"]] == ["ok", "ok"]
    assert len(rows) == 4
    assert len(failed) == 2
    for row in failed:
        assert row["error_type"] == "TrainingError"
        assert "the loss became nan at step" in row["reason"]
        assert "lower training.classifier_rate (now 0.003)" in row["reason"]
    assert "the loss became nan" in Path(said["report"]).read_text()
    assert [name for name, _ in store.studies()] == ["tiny"]
