"""``varifactory decide``: a person's word about single edits."""

import click

from varifactory.actor import actor
from varifactory.answering import Answer, Say, answering


@answering("decide")
@click.argument("decision", type=click.Choice(["accept", "reject"]))
@click.argument("dataset", metavar="NAME[@VERSION]")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--who", default=actor, envvar="VARIFACTORY_ACTOR", show_envvar=True,
              help="Your name: kept with the decision.  [default: login name]")  # fmt: skip
@click.option("--note", default="", help="Why: kept with the decision.")
def decide(
    store: str, say: Say, decision: str, dataset: str, keys: tuple[str, ...], who: str, note: str
) -> Answer:
    """Accept or reject edits, whatever their judge said.

    A KEY is an edit's, cut short to 8 digits or more. The word counts in every data set that holds
    the edit, from its next run on; published versions keep what they hold.
    """
    from varifactory.datasets import open_dataset
    from varifactory.verdicts.decisions import Word, named, record

    name, _, version = dataset.partition("@")
    data = open_dataset(store, name, version or None)
    chosen = named((dict(item.row) for item in data.select(kind="edit")), keys)
    record(data.store, chosen, Word(decision == "accept", who, note))
    told = [str(edit["edit_key"]) for edit in chosen]
    for key in told:
        say(f"edit {key}: {decision}ed by {who}, from the next run on")
    return {"decision": decision, "who": who, "note": note, "edits": told}, 0
