"""The generator's adapters: one a class or one for all, before any edit is made."""

from collections.abc import Sequence

from flows.run import FactoryRun
from flows.tally import StageFailed
from tasks.adapters import ALBUM, adapter_shard
from varifactory import adapters
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.stages import Row


def generator_adapters(run: FactoryRun, chosen: Sequence[Row]) -> dict[str, str]:
    """Class name -> blob of the adapter its edits are made with; empty where none are asked for.

    Args:
        chosen: the images that take part, of all splits; the shots are of the training split.

    Raises:
        StageFailed: an adapter failed: edits without it would be others than were asked for.
    """
    if run.recipe.adaptation.scope == "none":
        return {}
    rows = tuned_adapters(run, chosen)
    if run.recipe.run.compile and len(rows) > 1:
        run.notices.append(
            "run.compile and adaptation.scope=class: every adapter compiles the generator anew; "
            "run.compile=false or adaptation.scope=dataset may be faster"
        )
    if bad := [row for row in rows if row["status"] == "failed"]:
        raise StageFailed(
            f"{len(bad)} of {len(rows)} adapters failed, so no edit was made; that of "
            f"{bad[0]['label'] or 'the data set'}: {bad[0]['reason']}"
        )
    return adapters.by_class(rows, {row["label"] for row in chosen})


def tuned_adapters(run: FactoryRun, chosen: Sequence[Row]) -> list[Row]:
    """One row an adapter, whatever became of it.

    Raises:
        StageFailed: there are test images, and nobody looked for copies of them.
    """
    training = [row for row in chosen if row["split"] == "train"]
    test = [row for row in chosen if row["split"] == "test"]
    if training and test and "leakage" not in run.stages:
        raise StageFailed(
            "the training images were not checked for copies of test images, so no adapter was "
            "tuned: give the images that flows.dataset.source_images left"
        )
    fields = adapters.adapter_spec(run.recipe, registry.tuner(run.recipe))
    planned = adapters.plan_adapters(
        spec_of("adapters", fields), training, test, {row["label"] for row in chosen}, run.recipe
    )
    run.leave(ALBUM, adapters.album(training))
    rows = run.stage(adapter_shard, "adapters", fields, planned, size=1)
    run.notices += [row["reason"] for row in rows if row["status"] == "skipped"]
    return sorted(rows, key=lambda row: str(row["label"]))
