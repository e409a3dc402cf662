"""The page of an exchange rate: first what a real image costs, then everything it rests on."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from varifactory.exchange import wording
from varifactory.exchange.figures import ExchangeRate
from varifactory.exchange.wording import pool_name, words
from varifactory.pages import render_page
from varifactory.recipe.exchange import CONTROLS
from varifactory.report.downloads import links
from varifactory.report.exchange.rows import (
    best_forms,
    limits,
    rate_blocks,
    rate_scale,
    substitutions,
)
from varifactory.report.exchange.tables import TOLD, exchange_files
from varifactory.report.page import MACHINERY
from varifactory.report.wording import Numbers, level

SHOWN_NOTES = 20
"""On the page; the data hold all."""
NUMBERS = Numbers(margin=0.01)
"""Points with one decimal, more where rounding would hide a bound's side of zero."""


def render_exchange(
    found: ExchangeRate,
    *,
    machinery: bool = False,
    small_models: Sequence[str] = (),
    unknown: bool = False,
    provenance: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """One page that needs no server and no script; large tables lie beside it (``exchange_files``).

    Args:
        found: what was counted.
        machinery: the images are the built-in world's: the page then says that it checks the
            machinery, and nothing more.
        small_models: parts that ran on small built-in models: ``embeddings (small-clip)``.
        unknown: nobody knows what a generator has seen, which may be the test images.
        provenance: section -> name and value of what a reader needs to make it again.
        files: what ``exchange_files`` made of the same, where that was asked before.
    """
    return render_page(
        "exchange.html.j2",
        title=found.title,
        machinery=MACHINERY if machinery else "",
        found=found,
        alarms=alarms(found),
        lead=lead(found, small_models, machinery=machinery, unknown=unknown),
        provenance=provenance or {},
        notes=found.notes[:SHOWN_NOTES],
        more_notes=len(found.notes[SHOWN_NOTES:]),
        data=links(exchange_files(found) if files is None else files),
        everything=TOLD.removesuffix(".json"),
        **_figures(found),
        **_charts(found),
        **_words(found),
    )


def alarms(found: ExchangeRate) -> list[str]:
    """What a reader must know before believing the rates: controls that failed."""
    text = str(words()["alarms"]["control"])
    return [
        text.format(name=pool_name(one.pool), sentence=one.sentence)
        for one in found.controls
        if one.failed
    ]


def lead(
    found: ExchangeRate, small_models: Sequence[str] = (), *, machinery: bool = False,
    unknown: bool = False,
) -> list[str]:  # fmt: skip
    """What a rate means, and what this one rests on."""
    told = words()["lead"]
    many = wording.many(len(found.seeds), "seed")
    measured = str(told["measured"]).format(
        trainee=str(told["trained"]).format(trainee=found.trainee) if found.trainee else "",
        images=f"{found.test_images:,}",
        alone="" if unknown else told["alone"],
        seeds=many if len(found.seeds) == 1 else f"{many} in pairs",
        bases=wording.listed([f"{base:,}" for base in found.bases]),
        level=level(found.confidence),
        drawn="test images" if len(found.seeds) == 1 else "seeds, then test images",
    )
    small = str(told["small"]).format(models="; ".join(small_models)) if small_models else ""
    drawn = str(told["machinery"]) if machinery else ""
    return [str(told["meaning"]), measured, *filter(None, (drawn, small))]


def _figures(found: ExchangeRate) -> dict[str, Any]:
    substitution_scale, lines = substitutions(found) if found.substitutions else (None, {})
    blocks = rate_blocks(found)
    forms = dict.fromkeys(one.form for one in found.fits)
    return {
        "scale": rate_scale(found.rates),
        "rate_blocks": blocks,
        "first_control": sum(not one.known for one in blocks),
        "states": {state: any(one.state == state for one in found.rates)
                   for state in words()["states"]},
        "limits": {pool: one for pool, one in limits(found).items() if pool not in CONTROLS},
        "substitution_scale": substitution_scale,
        "substitution_lines": lines,
        "fits": [one for one in found.fits if one.pool not in CONTROLS],
        "more_seeds": {pool: more for pool, more in found.more_seeds.items()
                       if pool not in CONTROLS},
        "best": best_forms(found.fits),
        "forms": [words()["forms"][form] for form in forms],
        "form_names": {form: words()["forms"][form]["name"] for form in forms},
    }  # fmt: skip


def _words(found: ExchangeRate) -> dict[str, Any]:
    return {
        "level": level(found.confidence),
        "points": NUMBERS.points,
        "bounds": NUMBERS.bounds,
        "state_words": words()["states"],
        "parameter_name": lambda name: words()["parameters"].get(name, name),
        "missed": lambda squared: "–" if squared is None else NUMBERS.size(sqrt(squared)),
        **{name: getattr(wording, name) for name in (
            "pool_name", "pool_told", "ratio", "ratio_bounds", "gain_name", "share_name", "figure",
            "more_words",
        )},
        "numbers_listed": lambda numbers: wording.listed([f"{one:,}" for one in numbers]),
    }  # fmt: skip


def _charts(found: ExchangeRate) -> dict[str, Any]:
    if not found.curves:
        return {"charts": [], "other_bases": "", "reads": False, "levels": False,
                "harms": False}  # fmt: skip
    from varifactory.report.exchange.charts import charts, harms

    drawn = charts(found)[::-1]  # The largest base first: it is nearest to what a user has.
    every = [one for _, shown in drawn for one in shown]
    return {
        "charts": drawn,
        "other_bases": wording.listed([f"{base:,}" for base, _ in drawn[1:]]),
        "reads": any(one.reads for one in every),
        "levels": any(one.levels for one in every),
        "harms": any(map(harms, found.curves)),
    }
