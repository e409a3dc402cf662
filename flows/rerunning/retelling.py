"""What a rerun did: counted in what it made, and in the rows in which two versions differ."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from flows.rerunning.run import Rerun
from varifactory import records
from varifactory.changes import Changes, changes
from varifactory.loading import items_table
from varifactory.markdown import plain
from varifactory.markdown import row as table_row
from varifactory.runs.hanging import source_keys
from varifactory.runs.past import PastRun
from varifactory.stages import Row
from varifactory.store import Manifest

PLACE = ("kind", "source_key", "attribute", "feasibility", "index", "editor")
"""Columns by which an item is found again in another version."""
MOST_ROWS = 20
"""Changed items that the artifact shows."""

Said = dict[str, Any]


def retold(run: Rerun, past: PastRun, manifest: Manifest, why: str) -> Said:
    """The figures of a rerun.

    Args:
        run: what ran.
        past: the run that was taken up.
        manifest: the version it ended in.
        why: why the whole recipe was gone through; empty where it was not.
    """
    found = _changes(run, manifest)
    own = source_keys(run.store, _specs(run, "sources"), run.again.rows)
    places = {place: _hangs(row, run, own) for row in found.rows for place in [_place(row)]}
    made, first = run.made, run.again.first_stage
    selected = {stage: run.again.keys(stage) for stage in run.again.rows}
    recomputed = {stage: made.get(stage, set()) & keys for stage, keys in selected.items()}
    if "sources" in selected:
        recomputed["sources"] |= _mended(run)
    bad = {row["key"] for rows in run.failed.values() for row in rows}
    before = [stage for stage in list(records.STAGES)[:first] if made.get(stage)]
    later = sum(
        len(keys - recomputed.get(stage, set()))
        for stage, keys in made.items() if stage not in before
    )  # fmt: skip
    count = sum(map(len, recomputed.values()))
    between = _of_another_recipe(run, manifest)
    if between:
        run.notices.append(between)
    return {
        "of": past.id,
        "flow": past.flow,
        "selected": {stage: len(keys) for stage, keys in selected.items()},
        "recomputed": count,
        "failed_again": sum(len(keys & bad) for keys in recomputed.values()),
        "not_asked_for": max(0, sum(map(len, selected.values())) - count),
        "reused": found.same if run.before else run.reused(),
        "refreshed": later + sum(places.values()),
        "others_changed": len(places) - sum(places.values()),
        "on_the_way": {stage: len(made[stage]) for stage in before},
        "from": {"name": run.before.name, "version": run.before.version} if run.before else None,
        "new_version": not run.before or manifest.version != run.before.version,
        "another_recipe": between,
        "whole_recipe": why,
        "changed": [_shown(row) for row in (*found.added, *found.altered)[:MOST_ROWS]],
    }


def _of_another_recipe(run: Rerun, manifest: Manifest) -> str:
    """That the newest version was of another recipe, and what became of it; else empty."""
    start = run.before
    numbers = dict(run.store.datasets()).get(manifest.name, [])
    others = [number for number in numbers if number != manifest.version]
    if start is None or not others or others[-1] <= start.version:
        return ""
    other = run.store.dataset(manifest.name, others[-1])
    if other.recipe_fingerprint in (start.recipe_fingerprint, run.recipe.fingerprint()):
        return ""  # another rerun, in the same moment
    newest = (
        f"version {other.version} of data set {other.name} (run {other.run_id[:8]}, "
        f"{other.actor}, {other.created_at:%Y-%m-%d}) is of ANOTHER RECIPE than the run "
        f"that was made again"
    )
    if manifest.version < other.version:
        return f"{newest}; it stays the newest, for nothing differs from version {start.version}"
    return (
        f"{newest}, and was the newest until now: version {manifest.version} goes on from version "
        f"{start.version} and holds nothing of it. Run its recipe again to make it the newest, or "
        "give one of the two recipes another name"
    )


def _changes(run: Rerun, manifest: Manifest) -> Changes:
    after = items_table(run.store, manifest)
    if run.before is None:
        return Changes((), (), (), len(after))
    before = items_table(run.store, run.before) if run.held is None else run.held
    return changes(before, after)


def _place(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in PLACE)


def _specs(run: Rerun, stage: str) -> list[str]:
    return [name.partition("/")[2] for name in run.specs if name.startswith(f"{stage}/")]


def _mended(run: Rerun) -> set[str]:
    """Selected sources whose file is another one now: keys of the rows that were read instead."""
    places = {row["uri"] for row in run.again.rows["sources"]}
    keys = run.made.get("sources", set())
    return {
        row["key"]
        for spec in _specs(run, "sources")
        for row in run.store.rows("sources", spec, ["key", "uri"], keys=keys).to_pylist()
        if row["uri"] in places
    }


def _hangs(row: Row, run: Rerun, own: Collection[str]) -> bool:
    """Whether an item rests on a selected row: on its source, its pair of edits, or its pool.

    ``own`` are the keys of selected sources.
    """
    if row["source_key"] in own:
        return True
    for stage, rows in run.again.rows.items():
        if stage == "prompts":
            if any((each["label"], each["attribute"]) == (row["label"], row["attribute"])
                   for each in rows):  # fmt: skip
                return True
        elif stage == "adapters":
            if any(each["label"] in ("", None, row["label"]) for each in rows):
                return True
        elif row["source_key"] in {each.get("source_key") for each in rows}:
            pairs = {_pair(each) for each in rows}
            if stage == "masks" or _pair(row) in pairs:
                return True
    return False


def _pair(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("source_key", "attribute", "index", "editor"))


def _shown(row: Row) -> Said:
    names = ("kind", "label", "attribute", "feasibility", "status", "stage", "reason", "edit_key")
    return {name: row[name] for name in names}


def lines(told: Said, manifest: Manifest) -> list[str]:
    """The same for people, the sentence first."""
    said = [
        f"{told['recomputed']} recomputed, {told['reused']} reused, {told['refreshed']} downstream "
        f"refreshed, {told['others_changed']} others changed"
    ]
    if told["another_recipe"]:
        said.append(told["another_recipe"])
    if told["failed_again"]:
        said.append(f"{told['failed_again']} of them failed again")
    if told["not_asked_for"]:
        said.append(
            f"{told['not_asked_for']} of the selected rows are left alone: the recipe of that run "
            "does not ask for them (any more)"
        )
    if told["on_the_way"]:
        each = ", ".join(f"{count} {stage}" for stage, count in told["on_the_way"].items())
        said.append(f"made again on the way, for what they rest on was lost or missing: {each}")
    start = told["from"]
    if start and told["new_version"]:
        said.append(f"data set {start['name']}: version {start['version']} -> {manifest.version}")
    elif start:
        said.append(
            f"data set {start['name']}: still version {start['version']}, it holds the same"
        )
    if told["whole_recipe"]:
        said.append(f"the whole recipe was gone through: {told['whole_recipe']}")
    return said


def show(told: Said, said: Sequence[str]) -> None:
    """The artifact of a rerun in Prefect's UI."""
    if flow_run.id:
        create_markdown_artifact(page(told, said), key="rerun", description="What a rerun changed")


def page(told: Said, said: Sequence[str]) -> str:
    """The artifact's text, the changed rows as a table."""
    text = [f"**{plain(said[0])}**", "", *(f"- {plain(line)}" for line in said[1:])]
    if told["changed"]:
        text += ["", "| class | change | status | decided by | reason |", "|---|---|---|---|---|"]
    for row in told["changed"]:
        change = f"{row['attribute']}, {row['feasibility']}" if row["attribute"] else "source image"
        cells = [row["label"], change, row["status"], row["stage"], row["reason"] or ""]
        text.append(table_row(cells))
    return "\n".join(text)
