"""``varifactory pin``: what garbage collection keeps because a person said so."""

from typing import Any

import click

from varifactory.actor import actor
from varifactory.answering import Answer, Say, answering
from varifactory.commands.gc import exact_version


@answering("pin")
@click.argument("name", required=False)
@click.option("--version", "versions", multiple=True, metavar="NAME@VERSION",
              help="A data set version, which then cannot be dropped.")  # fmt: skip
@click.option("--study", "studies", multiple=True, metavar="NAME@VERSION",
              help="A study's version, which then cannot be dropped.")  # fmt: skip
@click.option("--spec", "specs", multiple=True, metavar="SPEC",
              help="A spec, or its first 8 digits or more: all its rows and images.")  # fmt: skip
@click.option("--run", "runs", multiple=True, metavar="RUN",
              help="A run: all specs it worked with.")  # fmt: skip
@click.option("--note", default="", help="Why: kept with the pin.")
@click.option("--out", is_flag=True, help="Take the pin NAME out; this needs the right to delete.")
@click.option("--who", default=actor, envvar="VARIFACTORY_ACTOR", show_envvar=True,
              help="Your name: kept with the pin.  [default: login name]")  # fmt: skip
def pin(
    store: str,
    say: Say,
    name: str | None,
    versions: tuple[str, ...],
    studies: tuple[str, ...],
    specs: tuple[str, ...],
    runs: tuple[str, ...],
    note: str,
    out: bool,
    who: str,
) -> Answer:
    """Keep things from garbage collection under a NAME, or list what is kept.

    A name is given once; published data sets and studies are kept without a pin.
    """
    from varifactory.errors import FactoryError
    from varifactory.store import Store

    place = Store(store)
    if name is None:
        if versions or studies or specs or runs or out:
            raise FactoryError("a pin needs a name: varifactory pin NAME --spec ...")
        found = place.pins()
        for one in found:
            say(_line(one))
        say(f"{len(found)} pins")
        return {"pins": [one.model_dump(mode="json") for one in found]}, 0
    if out:
        taken = place.unpin(name)
        say(f"taken out: {_line(taken)}")
        return {"out": taken.model_dump(mode="json")}, 0
    held = place.pin(
        name, who, specs=tuple(_spec(place, spec) for spec in specs),
        versions=tuple(exact_version(text) for text in versions), runs=runs, note=note,
        studies=tuple(exact_version(text) for text in studies),
    )  # fmt: skip
    say(_line(held))
    return {"pin": held.model_dump(mode="json")}, 0


def _line(pin: Any) -> str:
    kept = [f"{name}@{version}" for name, version in pin.versions]
    kept += [f"study {name}@{version}" for name, version in pin.studies]
    kept += [f"spec {spec[:16]}" for spec in pin.specs] + [f"run {run}" for run in pin.runs]
    note = f": {pin.note}" if pin.note else ""
    return f"{pin.name}  {', '.join(kept)}  by {pin.who}, {pin.when:%Y-%m-%d}{note}"


def _spec(place: Any, start: str) -> str:
    """The one spec that begins so."""
    from varifactory.errors import FactoryError

    found = {s for stage in place.stages() for s in place.specs(stage) if s.startswith(start)}
    if start in found:
        return start
    if len(found) != 1 or len(start) < 8:
        raise FactoryError(
            f"spec {start!r} names {len(found)} specs: give one's first 8 digits or more "
            "(`varifactory du --by spec` lists them)"
        )
    return str(found.pop())
