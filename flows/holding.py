"""What keeps a run from going on until a person says so: a preview, or too many failures."""

import logging
from collections.abc import Callable
from typing import Any

from prefect.flow_runs import suspend_flow_run
from prefect.runtime import deployment, flow_run

from flows.previewing import make_preview
from flows.reviewing import reviewed
from flows.run import BudgetSpent
from varifactory.recipe import Recipe

log = logging.getLogger("varifactory")

Said = dict[str, Any]


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
    if preview:
        return make_preview(recipe, url, preview, trains=trains)[1]
    if recipe.review.pause:
        made, said = make_preview(recipe, url, recipe.review.images, trains=trains)
        if not reviewed(recipe, url, made, said["gallery"]):
            return said | {"stopped": "after the preview"}
    try:
        return whole()
    except BudgetSpent as error:
        if not deployment.id:
            raise
        log.error("suspended: %s. Mend the cause and resume this run: it makes what failed", error)
        suspend_flow_run(key=f"budget-{flow_run.run_count}")
        raise
