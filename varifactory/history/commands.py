"""The commands that make a data set version again, as they are typed."""

import shlex
from collections.abc import Sequence

RECIPE = "recipe.yaml"
"""Name of the recipe beside a version's card."""
CARD, TWIN = "card.md", "card.json"


def again(title: str, store: str, written: str = "") -> list[str]:
    """Fetch the recipe from the store and run it, on the same store: what is there is reused.

    Args:
        title: ``NAME@VERSION``.
        store: as the store is opened; a folder is best given whole, from the root.
        written: where the recipe was written already; empty fetches it first.
    """
    where, recipe = shlex.quote(store), shlex.quote(written or RECIPE)
    fetch = f"varifactory reproduce {shlex.quote(title)} --store {where} --recipe {recipe}"
    run = f"python -m flows.generate {recipe} --store {where}"
    return [run] if written else [fetch, run]


def checked(title: str, store: str) -> str:
    """Regenerate a sample and compare it."""
    return f"varifactory reproduce {shlex.quote(title)} --store {shlex.quote(store)} --check"


def in_lines(commands: Sequence[str]) -> str:
    """As a block to be pasted."""
    return "\n".join(commands)
