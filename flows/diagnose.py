"""What is wrong with a synthetic set: four issues an attribute and a class, on one page.

python -m flows.diagnose RECIPE [--set key=value ...] [--store URL] [--json]
"""

from typing import Any

from prefect import flow

from flows.diagnosing import diagnosed, synthetic_set
from flows.parameters import RecipeFile, Settings, StoreUrl, settled, store_url
from flows.run import FactoryRun
from flows.summary import announce, summary


@flow(name="diagnose", flow_run_name="diagnose-{recipe.name}", persist_result=False)
def diagnose(recipe: RecipeFile, store: StoreUrl = "", settings: Settings = ()) -> dict[str, Any]:
    """Embed a synthetic set and the real images it is held against, and say what is wrong with it.

    Args:
        recipe: Path of a YAML file on the worker; `diagnosis.dataset` may name a set that is there.
        store: Folder, or such as s3://team/store; empty takes the worker's VARIFACTORY_STORE.
        settings: Keys of the recipe to change for this run, such as diagnosis.dataset=pets@3.
    """
    recipe, url = settled(recipe, settings), store_url(store)
    with FactoryRun.begin("diagnose", recipe, url) as run:
        manifest, gallery = synthetic_set(run)
        report = diagnosed(run, manifest)
        return announce(run, summary(run, manifest, gallery=gallery, report=report))


if __name__ == "__main__":
    from flows.command import flow_command

    flow_command("diagnose", "Say what is wrong with a synthetic set.", lambda: diagnose)()
