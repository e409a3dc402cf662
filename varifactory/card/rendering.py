"""The card of a data set: what it is, how it came to be, and how far it can be trusted."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import yaml

from varifactory.calibration.figures import CalibrationFigures
from varifactory.calibration.wording import checked_notes, checked_rows, kappa_words
from varifactory.history.commands import checked, in_lines
from varifactory.history.costs import Cost
from varifactory.history.models_used import ModelNote
from varifactory.history.provenance import libraries_in_words
from varifactory.history.rates import passed, refused
from varifactory.history.versions import title
from varifactory.markdown import fence, plain
from varifactory.pages import environment
from varifactory.quantities import duration
from varifactory.report.opening import opening
from varifactory.statistics import Interval
from varifactory.statistics.kappa import Kappa
from varifactory.store import Manifest
from varifactory.study.figures import Study
from varifactory.yields import edits_of, foreign_of, judge_words, pairs, unchanged_of, yields

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Size words that data set hubs read."""


def render_card(
    manifest: Manifest,
    items: pa.Table,
    *,
    models: Sequence[ModelNote],
    commands: Sequence[str],
    store_url: str,
    limits: Sequence[str] = (),
    machinery: bool = False,
    study: Study | None = None,
    judges: Sequence[Kappa] = (),
    people: CalibrationFigures | None = None,
    costs: Sequence[Cost] = (),
    made_on: Sequence[Mapping[str, Any]] = (),
    gpu_hour: float = 0.0,
    confidence: float = 0.95,
) -> str:
    """Markdown with a YAML head that data set hubs read.

    Args:
        manifest: of the version.
        items: its rows, ``records.STAGES["items"]``.
        models: everything that took part, with hashes and licences.
        commands: the exact commands that make the data set again, in their order.
        store_url: where it is read from.
        limits: what is known to be wrong or missing, a sentence each, beside what always holds.
        machinery: the sources are the built-in drawn world.
        study: figures of what was trained on it.
        judges: how far the judges of a panel agree.
        people: what people's labels of a sample say of the judge.
        costs: of every stage.
        made_on: devices and library versions (``history.provenance.made_on``).
        gpu_hour: price of an hour of a card, US $; 0 where it is not known.
        confidence: of the yields' intervals.
    """
    template = environment().overlay(autoescape=False).get_template("card.md.j2")
    return template.render(
        head=_head(manifest, len(items), machinery),
        manifest=manifest,
        machinery=machinery,
        models=models,
        commands=in_lines(commands),
        check=checked(title(manifest), store_url),
        costs=costs,
        made_on=made_on,
        gpu_hour=gpu_hour,
        store_url=store_url,
        recipe=yaml.safe_dump(dict(manifest.recipe), sort_keys=False, allow_unicode=True).rstrip(),
        seeds=seeds(manifest.recipe),
        limits=[*known_limits(items, machinery, models), *limits],
        judges=judges,
        verdict=_verdict(study) if study else [],
        **_figures(manifest, items, confidence),
        **_checked(people),
        **WORDING,
    )


def _figures(manifest: Manifest, items: pa.Table, confidence: float) -> dict[str, Any]:
    """What follows from the rows."""
    edits = edits_of(items)
    sources = [row for row in items.to_pylist() if row["kind"] == "source"]
    return {
        "classes": sorted({str(row["label"]) for row in sources}),
        "splits": Counter(str(row["split"]) for row in sources if row["status"] == "ok"),
        "unusable": sum(row["status"] != "ok" for row in sources),
        "edits": Counter(row["status"] for row in edits),
        "foreign": Counter(row["status"] for row in foreign_of(items)),
        "generators": sorted({str(row["editor"]) for row in foreign_of(items)}),
        "unchanged": Counter(row["status"] for row in unchanged_of(items)),
        "forced": sum(bool(row["forced"]) for row in edits),
        "yields": yields(edits, confidence),
        "pairs": pairs(edits),
        "filters": passed(manifest.counts, confidence),
        "refused": refused(edits, confidence),
        "words": judge_words(edits, confidence),
        "level": f"{100 * confidence:.0f}",
    }


def _verdict(study: Study) -> list[str]:
    """The head of the study's report, what qualifies it included."""
    head = opening(study)
    return [head.headline, *head.lead, *head.alarms]


def said(interval: Interval) -> str:
    """The bounds of a share, in percent."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"


def _checked(people: CalibrationFigures | None) -> dict[str, Any]:
    if people is None:
        return {"people": None}
    rows, notes = checked_rows(people), checked_notes(people)
    return {"people": people, "checked": rows, "checked_notes": notes}


WORDING: dict[str, Any] = {
    "said": said, "plain": plain, "fence": fence, "kappa_words": kappa_words,
    "libraries": libraries_in_words, "duration": duration,
    "quoted": lambda text: json.dumps(text, ensure_ascii=False),
}  # fmt: skip
"""What the template calls to say figures and names."""


def _head(manifest: Manifest, items: int, machinery: bool) -> str:
    size = next((word for limit, word in SIZES if items < limit), "n>1M")
    head = {
        "pretty_name": f"{manifest.name}, version {manifest.version}",
        "task_categories": ["image-classification"],
        "size_categories": [size],
        "tags": ["synthetic", "varifactory", *(["drawn-world"] if machinery else [])],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True).rstrip()


def seeds(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Every seed that the recipe holds, by its key."""
    found: dict[str, Any] = {}

    def look(place: Mapping[str, Any], path: tuple[str, ...]) -> None:
        for name, value in place.items():
            if isinstance(value, Mapping):
                look(value, (*path, name))
            elif "seed" in name:
                found[".".join((*path, name))] = value

    look(recipe, ())
    return found


def known_limits(items: pa.Table, machinery: bool, models: Sequence[ModelNote] = ()) -> list[str]:
    """Limits that follow from the rows and the models themselves."""
    said_so = []
    if machinery:
        said_so.append(
            "The sources are drawn, not photographed: what is learned here is a check of the "
            "machinery, not a finding."
        )
    rows = edits_of(items)
    unjudged = sum(row["judged_feasibility"] in (None, "not judged") for row in rows
                   if row["status"] == "ok")  # fmt: skip
    if unjudged:
        said_so.append(f"{unjudged:,} accepted edits were not judged for feasibility: it is as "
                       "asked for, not as seen.")  # fmt: skip
    lonely = sum(row["status"] == "ok" and not row["paired"] for row in rows)
    if lonely:
        said_so.append(f"{lonely:,} accepted edits lack their feasible or infeasible partner: "
                       "leave them out (`paired`) where arms are compared.")  # fmt: skip
    if loose := sorted({plain(model.name) for model in models if not model.pinned}):
        said_so.append(f"{', '.join(loose)}: asked of a provider, who may change what the name "
                       "means; the answers are kept, and need not come out again.")  # fmt: skip
    if foreign := sum(row["status"] == "ok" for row in foreign_of(items)):
        said_so.append(f"{foreign:,} foreign images were taken in as they came: their labels are "
                       "their maker's word, and no judge looked at them.")  # fmt: skip
    if not rows:
        return said_so
    said_so.append("Feasibility is what the prompt's writer or the world's table says; no person "
                   "looked at every edit.")  # fmt: skip
    return said_so
