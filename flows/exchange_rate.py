"""How many synthetic images one real image is worth, for these data: a grid of trainings, one page.

python -m flows.exchange_rate RECIPE [--set key=value ...] [--store URL] [--json]
"""

from typing import Any

from prefect import flow

from flows.exchanging import exchanged, traded_set
from flows.parameters import RecipeFile, Settings, StoreUrl, settled, store_url
from flows.run import FactoryRun
from flows.summary import announce, summary


@flow(name="exchange_rate", flow_run_name="exchange-rate-{recipe.name}", persist_result=False)
def exchange_rate(
    recipe: RecipeFile, store: StoreUrl = "", settings: Settings = ()
) -> dict[str, Any]:
    """Train on real images with real or synthetic ones added, and say what these are worth.

    Args:
        recipe: Path of a YAML file on the worker, such as deployments/recipes/exchange.yaml.
        store: Folder, or such as s3://team/store; empty takes the worker's VARIFACTORY_STORE.
        settings: Keys of the recipe to change for this run, such as exchange.trainee=clip-lora.
    """
    recipe, url = settled(recipe, settings), store_url(store)
    with FactoryRun.begin("exchange_rate", recipe, url) as run:
        traded = traded_set(run)
        report = exchanged(run, traded)
        found = summary(run, traded.manifest, gallery=traded.gallery, report=report)
        return announce(run, found)


if __name__ == "__main__":
    from flows.command import flow_command

    flow_command(
        "exchange-rate", "Say how many synthetic images a real one is worth.",
        lambda: exchange_rate,
    )()  # fmt: skip
