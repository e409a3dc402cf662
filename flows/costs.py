"""What a run pays providers, said before and after."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict

import pyarrow.compute as pc

from flows.run import FactoryRun
from varifactory.models import registry

log = logging.getLogger("varifactory")

ESTIMATE = "estimate.json"
"""Run object: what the run was expected to pay."""
OF_THE_SET = dict.fromkeys(("diagnose", "exchange_rate"), " of its data set")
"""Flow -> what alone is estimated: their vectors, texts and cells are not counted beforehand."""
FORECAST = "forecast.json"
"""Run object: what it was expected to make and to take, of a run that had something to make."""


def say_expected(run: FactoryRun, class_names: Sequence[str], pictures: int) -> None:
    """Say what the run will cost if nothing of it is in the store; nothing where nobody is paid.

    Nor of a rerun, which makes a few rows of all that the recipe asks for.
    """
    if not run.foreseen:
        return
    expected = registry.expected_costs(run.recipe, class_names, pictures)
    run.expected = expected
    if run.dry:
        return
    for estimate in expected:
        log.info("expected cost: %s", estimate.words())
    if expected:
        said = [asdict(estimate) | {"words": estimate.words()} for estimate in expected]
        run.leave(ESTIMATE, json.dumps(said).encode())


def note_estimate(run: FactoryRun, *, trains: bool, preview: int) -> None:
    """Keep what the run is expected to make and to take, before its first work."""
    from flows.forecast import forecast  # it runs through the stages that ask for it here

    # A study's data sets have runs of their own; an exchange rate trains no arm.
    trains = trains and run.flow in ("train", "study")
    try:
        expected = forecast(run.recipe, run.store.url, trains=trains, preview=preview,
                            grid=run.flow == "study")  # fmt: skip
        run.estimate = expected.totals() | {"of": OF_THE_SET.get(run.flow, "")}
    except Exception as error:  # an estimate is not worth a run
        run.notices.append(f"not estimated: {type(error).__name__}: {error}")
        return
    log.info("expected%s: %s", run.estimate["of"], run.estimate["words"])
    run.leave(FORECAST, json.dumps(run.estimate).encode())


def note_paid(run: FactoryRun) -> None:
    """Note what the run paid, stage by stage."""
    for name, fields in run.specs.items():
        stage, _, spec = name.partition("/")
        who, paid = registry.PAID.get(stage, ("", ""))
        if who and fields[who]["name"] == paid:
            rows = run.store.history(stage, spec, ["run", "cost_usd", "raw"])
            rows = rows.filter(pc.equal(rows["run"], run.id))  # few, of many others' rows
            said = registry.paid(stage, fields, rows.to_pylist(), run.id)
            run.notices += [said] if said else []
