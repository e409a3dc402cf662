"""Generate, train every arm, report: what the edits of a recipe are worth.

python -m flows.study RECIPE [--set key=value ...] [--store URL] [--json]
"""

from typing import Any

from prefect import flow

from flows.dataset import make_dataset
from flows.run import FactoryRun
from flows.showing import show_dataset, show_study
from flows.summary import announce, summary
from flows.train import train_cells
from varifactory.recipe import Recipe


@flow(name="study", flow_run_name="study-{recipe.name}", persist_result=False)
def study(recipe: Recipe, store: str = "./.varifactory") -> dict[str, Any]:
    """Make the data set, train every arm on every seed, and write the report.

    Args:
        recipe: the settings of the data set and of its study.
        store: folder or s3:// address that keeps every artifact.
    """
    with FactoryRun.begin("study", recipe, store) as run:
        made = make_dataset(run, trains=True)
        gallery = show_dataset(run, made)
        cells = train_cells(run, made.manifest)
        report = show_study(run, made, cells)
        return announce(run, summary(run, made.manifest, gallery=gallery, report=report))


if __name__ == "__main__":
    from flows.command import flow_command

    flow_command("study", "Make a data set, train every arm and report.", lambda: study)()
