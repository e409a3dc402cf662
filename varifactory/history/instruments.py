"""Diagnoses and exchange rates that a row is part of, as the plans beside data set versions say."""

from varifactory.history.ledger import Found, Ledger
from varifactory.history.story import Story
from varifactory.store import StoreError
from varifactory.store.instruments import FOLDERS, InstrumentPlan, plan_places, read_plan_at

COUNTED = ("exchange",)
"""Stages whose rows a plan names one by one; of the others it names the spec."""
STAGES = ("texts", "embeddings", "closed", *COUNTED)
"""Stages that diagnoses and exchange rates count from."""


def instruments_of(ledger: Ledger, found: Found) -> list[Story]:
    """A part each diagnosis and exchange rate that rests on the row, or on its spec."""
    if found.stage not in STAGES:
        return []
    wanted = found.key if found.stage in COUNTED else found.spec
    return [_story(plan) for plan in _plans(ledger) if wanted in plan.hashes]


def _plans(ledger: Ledger) -> list[InstrumentPlan]:
    plans = []
    for path, place in plan_places(ledger.store):
        try:
            plans.append(read_plan_at(ledger.store, path, place))
        except StoreError:
            continue  # `verify` tells of a damaged one
    return sorted(plans, key=lambda plan: (plan.name, plan.version, plan.folder, plan.hash12))


def _story(plan: InstrumentPlan) -> Story:
    told = plan.told
    facts = {
        "data set": f"{plan.name}@{plan.version}",
        "encoder": told.get("encoder"), "trainee": told.get("trainee"),
        "cells": len(told.get("cells") or ()) or None, "made": told.get("made_at"),
    }  # fmt: skip
    what = "counted in the" if plan.folder == "exchange" else "looked at by the"
    return Story(FOLDERS[plan.folder], plan.hash12, f"{what} {plan.title}", facts)
