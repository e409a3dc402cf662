"""Who judges which edits, and what was said of each."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from flows.run import FactoryRun
from tasks.verdicts import CHOICES, EXEMPLARS, verdict_shard
from varifactory.catalog import load_catalog
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.runs.unmade import unmade_first
from varifactory.stages import Row, accepted
from varifactory.verdicts import panel
from varifactory.verdicts.planning import all_choices, by_edit, plan_verdicts, read_by, verdict_spec

JUDGE_EXAMPLES = 32
"""Real training images a class that a judge learns its class from: more changes little."""


def edit_verdicts(
    run: FactoryRun,
    worth: Sequence[Row],
    found_masks: Sequence[Row],
    written: Sequence[Row],
    number: int,
) -> dict[str, dict[str, Row]]:
    """Edit key -> judge -> verdict, one judge of the recipe after the other."""
    names = panel.judges(run.recipe.verdicts)
    if not names or not worth:
        return {}
    exemplars = _exemplars(found_masks)
    catalog = load_catalog(run.recipe.prompts.catalog)
    choices = all_choices(written, catalog)
    run.leave(EXEMPLARS, json.dumps(exemplars).encode())
    run.leave(CHOICES, json.dumps(asdict(choices)).encode())
    said: dict[str, dict[str, Row]] = defaultdict(dict)
    for name in names:
        judge = registry.judge(run.recipe, exemplars, run.store.url, name=name, run=run.id)
        read = read_by(judge, choices)
        fields = verdict_spec(run.recipe, judge)
        spec = spec_of("verdicts", fields)
        planned = plan_verdicts(spec, worth, catalog, read)
        extra = {"judge_name": name}
        rows = run.stage(verdict_shard, "verdicts", fields, planned, round=number, extra=extra)
        for key, row in by_edit(spec, worth, rows, catalog, read).items():
            said[key][name] = row
    return dict(said)


def _exemplars(found_masks: Sequence[Row]) -> tuple[registry.Exemplar, ...]:
    """Real training images with accepted masks, the same few of each class for every edit."""
    by_class: dict[str, list[registry.Exemplar]] = defaultdict(list)
    for row in unmade_first(sorted(accepted(found_masks), key=lambda row: str(row["key"]))):
        by_class[row["label"]].append(
            (row["source_pixels"], row["label"], row["mask_sha256"], row["image_blob"],
             row["mask_blob"])
        )  # fmt: skip
    return tuple(one for rows in by_class.values() for one in rows[:JUDGE_EXAMPLES])
