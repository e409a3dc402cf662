"""Data set versions by the names that people give them: ``NAME`` or ``NAME@VERSION``."""

from contextlib import suppress

from pydantic import TypeAdapter, ValidationError

from varifactory.errors import FactoryError
from varifactory.recipe.part import Name
from varifactory.store import Manifest, Store, StoreMissing
from varifactory.store.names import plain


def check_name(name: str) -> None:
    """Refuse a name that no recipe could give to a data set: its card could not be written.

    Raises:
        FactoryError: naming it and the rule.
    """
    plain("data set", name)
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise FactoryError(
            f"data set {name!r} cannot be used: give 1 to 64 lower-case letters, digits, '.', '_' "
            "or '-', the first a letter or digit"
        ) from None


def named(store: Store, name: str) -> Manifest:
    """The manifest of ``NAME@VERSION``, of the highest version where none is given.

    Raises:
        StoreMissing: naming the data sets or versions there are.
    """
    dataset, _, version = name.partition("@")
    return store.dataset(dataset, version or None)


def last_two(store: Store, name: str) -> tuple[Manifest, Manifest]:
    """The two highest versions of a data set, the older first.

    Raises:
        FactoryError: a version was named, or there is one alone.
    """
    dataset, mark, _ = name.partition("@")
    if mark:
        raise FactoryError(
            f"{name} is one version: name another beside it, or {dataset} alone for its last two"
        )
    latest = store.dataset(dataset)
    numbers = dict(store.datasets())[dataset]
    if len(numbers) < 2:
        raise FactoryError(
            f"data set {dataset!r} has version {latest.version} alone: name a second data set"
        )
    return store.dataset(dataset, numbers[-2]), latest


def title(manifest: Manifest) -> str:
    """``NAME@VERSION``."""
    return f"{manifest.name}@{manifest.version}"


def in_words(manifest: Manifest) -> str:
    """``NAME, version N``, as pages are headed."""
    return f"{manifest.name}, version {manifest.version}"


def is_drawn(manifest: Manifest) -> bool:
    """Whether its images are the built-in world's: figures of them check the machinery alone."""
    return (manifest.recipe.get("sources") or {}).get("kind") == "world"


def maker(store: Store, name: str) -> str:
    """Flow or command that made the newest version of a name; empty where no record tells."""
    numbers = dict(store.datasets()).get(name, [])
    with suppress(StoreMissing):
        held = store.dataset(name, numbers[-1]) if numbers else None
        return str(store.read_run(held.run_id).get("flow") or "") if held else ""
    return ""
