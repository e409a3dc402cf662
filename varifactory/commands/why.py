"""``varifactory why``: where an item came from, and what came of it."""

import click

from varifactory.answering import Answer, Say, answering


@answering("why")
@click.argument("item", metavar="ID")
def why(store: str, say: Say, item: str) -> Answer:
    """Tell where an item came from, why it has its status, and what hangs on it.

    ID is the key of an edit, item, verdict, mask, source, prompt or training cell, or the hash of
    an image (at least the first 8 digits), the name of a source image's file, or a study, such as
    pets@2 or the place of its report.
    """
    from varifactory.history.consequences import consequences
    from varifactory.history.finding import find
    from varifactory.history.ledger import Ledger
    from varifactory.history.lineage import Teller
    from varifactory.history.of_studies import study_named, study_story
    from varifactory.store import Store

    ledger = Ledger(Store(store))
    if study := study_named(ledger.store, item):
        told = study_story(ledger, study)
        for line in told.lines():
            say(line)
        return told.told(), 0
    found = find(ledger, item)
    teller = Teller(ledger)
    told = teller.story(found)
    told.parts += consequences(teller, found)
    for line in told.lines():
        say(line)
    return told.told(), 0
