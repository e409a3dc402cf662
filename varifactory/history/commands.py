"""The commands that make a data set version again, as they are typed."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

RECIPE = "recipe.yaml"
"""Name of the recipe beside a version's card."""
INGEST = "ingest"
"""What the record of a run says that took in foreign images."""
PRUNE = "prune"
"""What the record of a run says that left images of a version out."""
OPTIONS = {"trained_on": "", "image_column": "image", "label_column": "label",
           "prompt_column": "", "max_pixels": 0}  # fmt: skip
"""What an ingest may be asked beside what it needs -> what it is where nothing is said."""
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


def taken_in(record: Mapping[str, Any], store: str) -> list[str]:
    """Take foreign images in again, from where they lay; none for a run that took none in.

    Args:
        record: of the run that made the version.
        store: as the store is opened.
    """
    asked = record.get("asked")
    if record.get("flow") != INGEST or not isinstance(asked, Mapping):
        return []
    words = ["varifactory", "ingest", asked["place"], "--store", store]
    for option, name in (("as", "name"), ("beside", "beside"), ("generator", "generator")):
        words += [f"--{option}", asked[name]]
    for name, usual in OPTIONS.items():
        if asked.get(name, usual) != usual:
            words += [f"--{name.replace('_', '-')}", asked[name]]
    words += ["--fetch-urls"] if asked.get("fetch_urls") else []
    return [shlex.join(str(word) for word in words)]


def left_out(record: Mapping[str, Any], store: str) -> list[str]:
    """Leave the same images of the version before out again; none for a run that left none out.

    Args:
        record: of the run that made the version.
        store: as the store is opened.
    """
    asked = record.get("asked")
    if record.get("flow") != PRUNE or not isinstance(asked, Mapping):
        return []
    words = ["varifactory", "prune", asked["of"], "--store", store, "--as", asked["as"]]
    for name in ("keep", "realism", "plan"):
        words += [f"--{name}", asked[name]] if asked.get(name) is not None else []
    return [shlex.join(str(word) for word in words)]


def checked(title: str, store: str) -> str:
    """Regenerate a sample and compare it."""
    return f"varifactory reproduce {shlex.quote(title)} --store {shlex.quote(store)} --check"


def in_lines(commands: Sequence[str]) -> str:
    """As a block to be pasted."""
    return "\n".join(commands)
