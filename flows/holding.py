"""What keeps a run from going on until a person says so: a preview, or too many failures."""

import logging
import uuid
from collections.abc import Callable
from typing import Any

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import deployment

from flows.operation.suspending import told_to_wait
from flows.previewing import make_preview
from flows.reviewing import reviewed
from flows.tally import BudgetSpent
from varifactory.markdown import plain
from varifactory.recipe import Recipe

log = logging.getLogger("varifactory")

Said = dict[str, Any]


class Mended(RunInput):
    """The form of a run that too many failures stopped: it tells why, and asks for nothing."""


def held(
    recipe: Recipe, url: str, preview: int, whole: Callable[[], Said], *, trains: bool = False
) -> Said:
    """The whole run, or what comes before it.

    Args:
        recipe: its ``review`` says whether a person looks first.
        url: the store.
        preview: source images of a preview that is all there is to do; 0 does the whole.
        whole: the run itself.
        trains: whether it trains.
    """
    with told_to_wait():
        return _held(recipe, url, preview, whole, trains)


def _held(recipe: Recipe, url: str, preview: int, whole: Callable[[], Said], trains: bool) -> Said:
    try:
        if preview:
            return make_preview(recipe, url, preview, trains=trains)[1]
        if recipe.review.pause:
            made, said = make_preview(recipe, url, recipe.review.images, trains=trains)
            if not reviewed(recipe, url, made, said["gallery"]):
                return said | {"stopped": "after the preview"}
        return whole()
    except BudgetSpent as error:
        if not deployment.id:
            raise
        _wait_for_a_mend(error, recipe.review.hours)
        raise


def _wait_for_a_mend(error: BudgetSpent, hours: float) -> None:
    """End this process; resumed within the hours, another makes what failed."""
    log.error("suspended: %s. Mend the cause and resume this run: it makes what failed", error)
    why = (
        f"**Too much failed:** {plain(error)}\n\n"
        "Mend the cause, then resume: the run makes what failed."
    )
    suspend_flow_run(
        wait_for_input=Mended.with_initial_data(description=why),
        timeout=round(3600 * hours), key=f"budget-{uuid.uuid4()}",
    )  # fmt: skip
