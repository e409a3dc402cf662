"""``varifactory exchange-rate``: what a real image costs in synthetic ones, from stored answers."""

import click

from varifactory.answering import Answer, Say, answering, asked
from varifactory.errors import FactoryError


@answering("exchange-rate")
@click.argument("dataset", nargs=-1, metavar="[STORE] DATASET[@VERSION]")
@click.option("--to", "folder", default="", metavar="FOLDER",
              help="Write the page there instead of beside the data set in its store.")  # fmt: skip
@click.option("--plan", default="", metavar="HASH",
              help="Which exchange rate, by how its folder begins; else the newest.")  # fmt: skip
def exchange_rate(store: str, say: Say, dataset: tuple[str, ...], folder: str, plan: str) -> Answer:
    """Count an exchange rate anew from the stored answers of its cells and write its page: how
    many synthetic images gain as much as one real image.

    Nothing is trained and no model is loaded. `python -m flows.exchange_rate RECIPE` trains the
    cells first. VERSION is the latest if it is left out; STORE may also be given as --store.
    """
    if not dataset:
        raise FactoryError("name a data set: [STORE] DATASET[@VERSION]")
    from varifactory.report.exchange.publishing import (
        publish_exchange,
        recount_exchange,
        write_exchange,
    )
    from varifactory.report.exchange.summary import lines, told
    from varifactory.store import Store

    url, name, version = asked(store, dataset, "data set")
    place = Store(url)
    found = recount_exchange(place, name, version, plan)
    where = write_exchange(place, found, folder) if folder else publish_exchange(place, found)
    for line in lines(found.rate):
        say(line)
    say(f"exchange rate: {where}")
    return {
        **told(found.rate), "dataset": found.manifest.name, "version": found.manifest.version,
        "plan": found.plan.hash12, "page": where,
    }, 0  # fmt: skip
