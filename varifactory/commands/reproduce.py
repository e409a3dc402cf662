"""``varifactory reproduce``: a data set made again, all of it or a sample that is compared."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from varifactory.answering import Answer, Say, answering

if TYPE_CHECKING:
    from varifactory.card.twin import CardTwin
    from varifactory.history.reproducing import Check
    from varifactory.recipe import Recipe
    from varifactory.store import Store

LISTED = 20
"""Edits that did not come out the same, listed in words; --json has them all."""
FILES = (".md", ".json")


@answering("reproduce")
@click.argument("card", metavar="CARD")
@click.option("--check", is_flag=True, help="Make a sample again and compare it.")
@click.option("--share", default=0.01, show_default=True, type=click.FloatRange(0, 1),
              help="Of the edits that are made again.")  # fmt: skip
@click.option("--least", default=5, show_default=True, type=click.IntRange(1),
              help="Edits that are made again at least.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of the sample.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
              help="Change a key of the card's recipe, as where a model lies.")  # fmt: skip
@click.option("--recipe", "write", default="", metavar="FILE", help="Write its recipe there.")
def reproduce(
    store: str, say: Say, card: str, check: bool, share: float, least: int, seed: int,
    settings: tuple[str, ...], write: str,
) -> Answer:  # fmt: skip
    """Say how a data set version is made again, or make a sample of it again and compare.

    CARD is a card (card.md, card.json) or NAME@VERSION; a card names its store, unless --store is
    given. Nothing is written to the store.

    Exits with 1 if anything came out different.
    """
    # As the flows do: small models run up to four times slower when two threads spin for them,
    # and on a processor pixels depend on how many there are.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    place, found = _opened(store, card)
    if told := _without_recipe(place, found, check or bool(write)):
        return _told_of_command(say, found, told)
    recipe = _recipe(found, settings)
    if write:
        _write(write, recipe)
        say(f"recipe: {write}")
    if not check:
        return _told(say, place, found, write)

    from varifactory.history import reproducing

    done = reproducing.check(place, found, recipe, share=share, least=least, seed=seed)
    _tell(say, found, done)
    return {"dataset": found.name, "version": found.version, **done.told()}, 0 if done.good else 1


def _opened(store: str, card: str) -> "tuple[Store, CardTwin]":
    from varifactory.card.twin import read_twin
    from varifactory.history.reproducing import named_card
    from varifactory.history.versions import named
    from varifactory.store import Store

    if Path(card).suffix not in FILES and not Path(card).exists():
        place = Store(store)
        return place, named_card(place, named(place, card))
    found = read_twin(card)
    source = click.get_current_context().get_parameter_source("store")
    given = source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    return Store(store if given else found.store), found


def _without_recipe(place: "Store", card: "CardTwin", impossible: bool) -> str:
    """The command that makes a version again which no recipe makes; empty of any other version.

    Raises:
        FactoryError: ``impossible``, what is asked for needs a recipe.
    """
    from varifactory.errors import FactoryError
    from varifactory.history.commands import checked, left_out, taken_in
    from varifactory.history.ledger import Ledger

    record, where = Ledger(place).run(card.run), place.backend.show("").rstrip("/")
    files, fewer = taken_in(record, where), left_out(record, where)
    if impossible and files:
        raise FactoryError(
            f"{card.title} holds foreign images, which no recipe makes: take their files in again "
            f"with `{files[0]}`; the same files give the same version"
        )
    if impossible and fewer:
        of = record["asked"]["of"]
        raise FactoryError(
            f"{card.title} is {of} without some of its images, which no recipe leaves out: leave "
            f"them out again with `{fewer[0]}`; the same diagnosis gives the same version. Its "
            f"images were made for {of}: check them with `{checked(of, where)}`"
        )
    return next(iter([*files, *fewer]), "")


def _told_of_command(say: Say, card: "CardTwin", command: str) -> Answer:
    say(command)
    return {"dataset": card.name, "version": card.version, "commands": [command], "check": ""}, 0


def _recipe(card: "CardTwin", settings: tuple[str, ...]) -> "Recipe":
    from varifactory.recipe import Recipe

    recipe = Recipe.parse(card.recipe, where=f"the recipe of {card.title}")
    return recipe.overlaid(settings) if settings else recipe


def _write(path: str, recipe: "Recipe") -> None:
    from varifactory.card.writing import as_yaml
    from varifactory.errors import FactoryError

    try:
        Path(path).write_bytes(as_yaml(recipe.model_dump(mode="json")))
    except OSError as error:
        raise FactoryError(f"--recipe {path}: {error.strerror}: give another file") from None


def _told(say: Say, place: "Store", card: "CardTwin", written: str) -> Answer:
    from varifactory.history.commands import again, checked

    where = place.backend.show("").rstrip("/")
    commands = again(card.title, where, written)
    for line in commands:
        say(line)
    return {"dataset": card.name, "version": card.version, "commands": commands,
            "check": checked(card.title, where)}, 0  # fmt: skip


def _tell(say: Say, card: "CardTwin", done: "Check") -> None:
    from varifactory.history.deviations import IDENTICAL
    from varifactory.history.provenance import libraries_in_words
    from varifactory.history.reproducing import by_place, counted, here_in_words

    say(f"{card.title}: {done.sampled:,} of {done.of:,} edits made again on {here_in_words(done)}")
    for editor, changes in done.changed.items():
        say(f"NOT AS IT WAS, {editor}: " + "; ".join(changes))
    for (device, versions), rows in by_place(done.edits).items():
        say(f"made on {device}, {libraries_in_words(json.loads(versions))}: {_few(counted(rows))}")
    for name, rows in done.verdicts.items():
        say(f"answers of {name}: {_few(counted(rows))}")
    for note in done.notes:
        say(f"note: {note}")
    odd = [one for one in done.all if one.word != IDENTICAL]
    for one in odd[:LISTED]:
        say(f"  {one.key[:16]} {one.told}")
    if len(odd) > LISTED:
        say(f"  and {len(odd) - LISTED:,} more: --json has them all")
    say("reproduced" if done.good else f"NOT REPRODUCED: {_few(counted(done.all))}")


def _few(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "none"
