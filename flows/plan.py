"""What a run would find in the store and what it would make, before it: no server, no model.

python -m flows.plan RECIPE [--set key=value ...] [--trains] [--preview N] [--store URL] [--json]
"""

import click

from varifactory.answering import Answer, Say, answering
from varifactory.errors import FactoryError


@answering("plan")
@click.argument("recipe")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a key.")
@click.option("--trains", is_flag=True, help="Plan its training, too: what flows.study does.")
@click.option("--preview", default=0, metavar="N", type=click.IntRange(0),
              help="Plan a preview of so many source images.")  # fmt: skip
def plan(
    store: str, say: Say, recipe: str, settings: tuple[str, ...], trains: bool, preview: int
) -> Answer:
    """Say what a run of RECIPE would reuse and make, and why, how long and for how much.

    Nothing is written. What follows from items that are not made yet is counted as an upper bound.
    """
    try:
        from flows.forecast import forecast
    except ModuleNotFoundError as lacking:
        raise FactoryError(
            f"a plan needs {lacking.name}, as a run does: pip install 'varifactory[run]'"
        ) from None
    from varifactory.recipe import Recipe

    found = forecast(Recipe.read(recipe, settings), store, trains=trains, preview=preview)
    for line in found.lines():
        say(line)
    return found.told(), 0


if __name__ == "__main__":
    plan()
