"""Who judges which edits, and what was said of each."""

import json
from collections import defaultdict
from collections.abc import Sequence

from flows.run import FactoryRun
from tasks.verdicts import EXEMPLARS, verdict_shard
from varifactory import verdicts
from varifactory.catalog import load_catalog
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.stages import Row, accepted

JUDGE_EXAMPLES = 32
"""Real training images a class that a judge learns its class from: more changes little."""


def edit_verdicts(
    run: FactoryRun, worth: Sequence[Row], found_masks: Sequence[Row], attempt: int
) -> dict[str, Row]:
    """Edit key -> verdict."""
    if run.recipe.verdicts.judge == "none" or not worth:
        return {}
    exemplars = _exemplars(found_masks)
    run.store.put_run_object(run.id, EXEMPLARS, json.dumps(exemplars).encode())
    judge = registry.judge(run.recipe, exemplars, run.store.url)
    catalog = load_catalog(run.recipe.prompts.catalog)
    fields = verdicts.verdict_spec(run.recipe, judge)
    spec = spec_of("verdicts", fields)
    planned = verdicts.plan_verdicts(spec, worth, catalog)
    said = run.stage(verdict_shard, "verdicts", fields, planned, round=attempt)
    return verdicts.by_edit(spec, worth, said, catalog)


def _exemplars(found_masks: Sequence[Row]) -> tuple[registry.Exemplar, ...]:
    """Real training images with accepted masks, the same few of each class for every edit."""
    by_class: dict[str, list[registry.Exemplar]] = defaultdict(list)
    for row in sorted(accepted(found_masks), key=lambda row: str(row["key"])):
        by_class[row["label"]].append(
            (row["source_pixels"], row["label"], row["mask_sha256"], row["image_blob"],
             row["mask_blob"])
        )  # fmt: skip
    return tuple(one for rows in by_class.values() for one in rows[:JUDGE_EXAMPLES])
