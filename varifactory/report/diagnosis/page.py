"""The page of a diagnosis: which classes have an issue, what shows it, and what to change."""

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from varifactory.diagnosis.figures import Copy, Diagnosis, Kept
from varifactory.diagnosis.thresholds import reasons
from varifactory.gallery.pictures import Read
from varifactory.pages import render_page
from varifactory.report.diagnosis import rows, strips, wording
from varifactory.report.diagnosis.opening import inside, judged, opening
from varifactory.report.diagnosis.tables import diagnosis_files
from varifactory.report.downloads import links
from varifactory.report.page import MACHINERY, is_plain_address
from varifactory.report.wording import level, percent
from varifactory.statistics import Interval

SHOWN_CARDS = 60
SHOWN_ROWS = 200
CONFIDENCE = 0.95
"""Where nothing was measured and so no interval tells its own."""
LIST_MARKS = str.maketrans("", "", "[]'")
"""Taken out of settings that are lists: ``train, validation``."""
DATA_BUDGET = 700_000
"""Bytes of data that the page itself holds: pictures need the rest of its 5 MB."""


def render_diagnosis(
    found: Diagnosis,
    *,
    dataset: str = "",
    store: str = "",
    plan: str = "",
    machinery: bool = False,
    small_model: bool = False,
    provenance: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    gallery: str = "",
    blobs: Mapping[str, str] | None = None,
    read: Read | None = None,
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """One page that needs no server and no script; large tables lie beside it.

    Args:
        found: what was counted.
        dataset: ``pets@3``, as commands name it; empty of vectors of a user's own.
        store: where that lies, as commands are given it.
        plan: hash of the diagnosis's plan: commands on its page mean it, and not the newest one.
        machinery: the images are the built-in world's: the page then says that it checks the
            machinery, and nothing more.
        small_model: the encoder is one of the small built-in ones.
        provenance: section -> name and value of what a reader needs to make it again.
        gallery: address of the data set's gallery, relative to the page.
        blobs: pixels -> PNG in the store, of images beyond those that flags name.
        read: bytes of such a PNG; without it images are named and not shown.
        files: what ``diagnosis_files`` made of the same, where that was asked before.
    """
    cards = rows.cards(found)
    files = diagnosis_files(found) if files is None else files
    return render_page(
        "diagnosis.html.j2",
        title=found.title,
        prune=_prune(store, dataset, plan) if dataset else "",
        machinery=MACHINERY if machinery else "",
        small_model=small_model,
        opening=opening(found),
        found=found,
        judged=judged(found),
        cards=cards,
        flagged=rows.flagged(found),
        overview=rows.overview(found),
        unsaid=rows.unsaid(found),
        whole=[rows.line(one) for one in found.whole],
        geometry=[rows.line(one) for one in found.geometry],
        memorised=[rows.line(found.memorised)] if found.memorised else [],
        provenance={**(provenance or {}), **_settings(found)},
        gallery=gallery if is_plain_address(gallery) else "",
        data=links(files, DATA_BUDGET),
        plots=_plots(found),
        advised=advised(found.curve),
        highest=_highest(found.curve),
        level=level(_confidence(found)),
        **_pictured(found, cards, blobs or {}, read),
        **_words(found),
    )


def _prune(store: str, dataset: str, plan: str) -> str:
    """The command without what it leaves out, as a shell takes it."""
    named = [one for one in (store, dataset) if one]
    return shlex.join(["varifactory", "prune", *named, *(["--plan", plan] if plan else [])])


def _words(found: Diagnosis) -> dict[str, Any]:
    return {
        "words": wording.words(),
        "head": wording.head,
        "figure": wording.figure,
        "bounds": wording.bounds,
        "sentence": wording.sentence,
        "percent": percent,
        "signed": wording.signed,
        "of_group": rows.shown,
        "evidence": partial(rows.evidence, found),
        "most_rows": SHOWN_ROWS,
        "most_cards": SHOWN_CARDS,
        "most_pairs": strips.SHOWN_PAIRS,
    }


def _pictured(
    found: Diagnosis, cards: Sequence[rows.Card], blobs: Mapping[str, str], read: Read | None
) -> dict[str, Any]:
    """Strips, pairs of copies and the images farthest off, with the thumbnails they need."""
    shown = strips.strips(cards[:SHOWN_CARDS])
    own = {seen.pixels: seen.blob for flag in found.flags for seen in flag.images if seen.blob}
    farthest = strips.farthest(found)
    copies = _copies(found)
    wanted = [seen.pixels for strip in shown.values() for seen in strip]
    wanted += [seen.pixels for seen in farthest]
    for pairs in copies.values():
        wanted += [one for pair in pairs[: strips.SHOWN_PAIRS] for one in (pair.image, pair.other)]
    pictures = strips.Shots({**blobs, **own}, read)
    pictures.fetch(dict.fromkeys(wanted))
    return {"strips": shown, "farthest": farthest, "copies": copies, "pictures": pictures}


def _copies(found: Diagnosis) -> dict[str, list[Copy]]:
    """Pairs by what the other image is, the nearest first; kinds without a pair are left out."""
    ordered = sorted(found.copies, key=lambda one: (-one.cosine, one.image, one.other))
    kinds = {of: [one for one in ordered if one.of == of] for of in ("real", "synthetic")}
    return {of: pairs for of, pairs in kinds.items() if pairs}


def _plots(found: Diagnosis) -> dict[str, Markup]:
    """A plot that nothing was measured for is empty."""
    drawn = dict.fromkeys(("realism", "curve"), Markup())
    measured = [one for one in found.curve if one.overlap.value]
    if not (found.realism or measured):
        return drawn
    from varifactory.report.diagnosis import plots

    share = inside(found)
    if share is not None:
        text = f"{percent(share)} of {len(found.realism):,} images have a realism of at least 1"
        drawn["realism"] = plots.realism(
            [one.realism for one in found.realism], name="realism", text=text
        )
    if measured:
        text = "; ".join(f"{percent(one.fraction)} kept, overlap "
                         f"{wording.figure('overlap', one.overlap.value.estimate)}"
                         for one in measured if one.overlap.value)  # fmt: skip
        drawn["curve"] = plots.pruning(measured, name="curve", text=text)
    return drawn


def _highest(curve: Sequence[Kept]) -> Kept | None:
    """The point with the largest overlap, of those that surely gain if any does; of equal ones the
    one that keeps most."""
    measured = [(one.overlap.value.estimate, one.fraction, one)
                for one in _gaining(curve) or curve if one.overlap.value]  # fmt: skip
    return max(measured, key=lambda point: point[:2])[2] if measured else None


def _gaining(curve: Sequence[Kept]) -> list[Kept]:
    """Points that surely overlap more than the whole set; none where that may overlap as real
    images do: without its rim it would overlap more, and be narrower than they are. What real
    images do is taken for as uncertain as what the set does: as many were drawn of both."""
    whole = next((one.overlap for one in curve if one.fraction == 1), None)
    if whole is None or whole.value is None or whole.reference is None:
        return []
    high = whole.value.high
    if high >= whole.reference - (high - whole.value.estimate):
        return []
    return [one for one in curve if one.overlap.value and one.overlap.value.low > high]


def advised(curve: Sequence[Kept]) -> str:
    """The largest fraction that surely gains and whose overlap may be as large as the largest;
    empty: nothing to gain.

    The peak itself would throw away half of a set for what its interval does not tell from less.
    """
    gaining, best = _gaining(curve), _highest(curve)
    if not gaining or best is None or best.overlap.value is None:
        return ""
    peak = best.overlap.value.estimate
    fraction = max(one.fraction for one in gaining
                   if one.overlap.value and one.overlap.value.high >= peak)  # fmt: skip
    return f"{fraction:g}"


def _settings(found: Diagnosis) -> dict[str, list[tuple[str, str]]]:
    covers = dict.fromkeys(one.covers for one in _intervals(found))
    told = [("synthetic images", f"{found.n:,}"), ("real images", f"{found.n_real:,}"),
            ("encoder", found.encoder),
            *((f"an interval covers, {at}" if len(covers) > 1 else "an interval covers", one)
              for at, one in enumerate(covers, 1))]  # fmt: skip
    settings = [
        (name, value.translate(LIST_MARKS)) for name, value in found.settings.items() if value
    ]
    limits = [(name.replace("_", " "), f"{value:g}: {why}")
              for name, (value, why) in reasons().items()]  # fmt: skip
    return {"Counted from": told, "Settings": settings, "Thresholds of the flags": limits}


def _confidence(found: Diagnosis) -> float:
    return next((one.confidence for one in _intervals(found)), CONFIDENCE)


def _intervals(found: Diagnosis) -> list[Interval]:
    groups = [one for group in found.groups for one in group.measures.values()]
    return [one.value for one in (*found.whole, *groups) if one.value]
