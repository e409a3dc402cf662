"""Where the images of a pool come from: nothing that a cell is tested with, nothing beyond a base.

Without this a rate may be as good as one likes: a generator that has seen the test images, or more
real images than the base, is paid for with images that the rate does not count. What was seen
beyond a base is told where it cannot be kept out: of foreign images and of adapted editors.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from varifactory.errors import FactoryError, RecipeError
from varifactory.exchange.subsets import Stock
from varifactory.loading import read_blob
from varifactory.recipe import Adaptation
from varifactory.stages import Row
from varifactory.store import Store
from varifactory.training.arms import source_key

TrainedOn = Mapping[str, frozenset[str] | None]
"""Key of an image -> pixel hashes of all that its generator has seen; None where nobody knows."""


class LineageError(FactoryError):
    """Images that were made from what they must not know."""


def closed_trained_on(store: Store, rows: Iterable[Row]) -> dict[str, frozenset[str] | None]:
    """Of made rows of stage ``closed``; images of one generator share one set.

    Raises:
        BlobError: what was recorded is lost or corrupt.
    """
    blob_of = {row["key"]: row["trained_on_blob"] for row in rows}
    seen = {blob: frozenset(json.loads(read_blob(store, blob))) for blob in set(blob_of.values())}
    return {key: seen[blob] for key, blob in blob_of.items()}


def check_apart(stock: Stock) -> None:
    """No training picture is a test picture.

    Raises:
        LineageError: one is.
    """
    test = {row["pixel_sha256"] for row in stock.test}
    for rows in stock.train.values():
        if row := next((row for row in rows if row["pixel_sha256"] in test), None):
            raise LineageError(
                f"a training image of class {row['label']!r} shows the pixels of a test image "
                f"({row['pixel_sha256']}): set study.leaks='leave out' and make the data set "
                "anew, or remove the file from one of the splits"
            )


def check_images(pool: str, rows: Iterable[Row], stock: Stock) -> None:
    """No image of a pool is a test image, and none a validation image.

    Raises:
        LineageError: one is.
    """
    for split, held_out, used in (
        ("test", stock.test, "tested with"), ("validation", stock.validation, "chosen by"),
    ):  # fmt: skip
        pixels = {row["pixel_sha256"] for row in held_out}
        if row := next((row for row in rows if row["pixel_sha256"] in pixels), None):
            raise LineageError(
                f"an image of the pool {pool!r} (class {row['label']!r}, {row['key']}) shows the "
                f"pixels of a {split} image ({row['pixel_sha256']}): leave it out of the data set, "
                f"for whoever trains on it is {used} what it knows"
            )


def apart(foreign: Iterable[Row], stock: Stock) -> tuple[list[Row], str]:
    """Foreign images that are no training image of the data set, and what is told of the others.

    A generator that repeats its training data would be traded as if it had made something: an image
    of the base counted twice, or a real one that the base does not pay for.
    """
    real = {row["pixel_sha256"] for rows in stock.train.values() for row in rows}
    usable = [row for row in foreign if row["kind"] == "foreign" and row["status"] == "ok"]
    own = [row for row in usable if row["pixel_sha256"] not in real]
    if len(own) == len(usable):
        return own, ""
    return own, (
        f"foreign: {len(usable) - len(own)} of {len(usable)} images show the pixels of training "
        "images of the data set and are left out"
    )


def check_beside(traded: str, items: Iterable[Row], foreign: str, others: Iterable[Row]) -> None:
    """The real images that foreign ones were put beside are those that are traded.

    An ingest keeps copies of held-out images apart, near ones too: those of its own version.

    Args:
        traded: NAME@VERSION of the data set whose ``items`` are traded.
        items: all of it.
        foreign: NAME@VERSION of the version that the ingest made.
        others: all its items.

    Raises:
        RecipeError: they are not.
    """
    own, theirs = _real(items), _real(others)
    if own == theirs:
        return
    pixels, split, label = min(own ^ theirs)
    raise RecipeError(
        f"exchange.foreign is {foreign}, whose images were put beside other real images than those "
        f"of {traded}: {len(theirs - own)} are in {foreign} alone and {len(own - theirs)} in "
        f"{traded} alone, such as {pixels} (class {label!r}, {split}), so that nobody looked for "
        f"copies of these test images; take them in anew by `varifactory ingest --beside {traded}`"
    )


def _real(items: Iterable[Row]) -> set[tuple[str, str, str]]:
    """Pixel hash, split and class of the usable real images."""
    return {
        (row["pixel_sha256"], row["split"], row["label"])
        for row in items
        if row["kind"] == "source" and row["status"] == "ok"
    }


def check_classes(foreign: Iterable[Row], stock: Stock) -> None:
    """Foreign images are of classes of the data set.

    Raises:
        RecipeError: some are of others.
    """
    strange = Counter(row["label"] for row in foreign if row["label"] not in stock.class_names)
    if strange:
        told = ", ".join(f"{name!r} ({count})" for name, count in sorted(strange.items()))
        raise RecipeError(
            f"exchange.foreign has images of classes that the data set lacks: {told}; it has "
            f"{', '.join(map(repr, stock.class_names))}: take them in by `varifactory ingest "
            "--beside` that data set"
        )


def check_edits(rows: Iterable[Row], base: Collection[str]) -> None:
    """Edits are of the base's images alone.

    Args:
        rows: edits of one cell.
        base: keys of its source images.

    Raises:
        LineageError: one is of another image.
    """
    for row in rows:
        if source_key(row) not in base:
            raise LineageError(
                f"edit {row['key']} was made from the source {source_key(row)}, which is not among "
                f"the {len(base)} images of its base: an edit of another real image is not paid "
                "for; plan the exchange rate anew from the data set's items"
            )


def check_generators(
    pool: str, rows: Iterable[Row], trained_on: TrainedOn, test: frozenset[str],
    base: frozenset[str] | None = None,
) -> None:  # fmt: skip
    """No generator has seen a test image; with ``base`` none has seen anything beyond it.

    Args:
        pool: named in errors.
        rows: its images.
        trained_on: of each; a foreign one may be unknown.
        test: pixel hashes of the test images.
        base: pixel hashes of the base of a closed-set generator.

    Raises:
        LineageError: one has, or of a closed-set generator nothing is recorded.
    """
    by_set = {id(trained_on.get(row["key"])): row for row in rows}  # images share their sets
    for row in by_set.values():
        seen, name = trained_on.get(row["key"]), row.get("generator") or row.get("editor")
        if seen is None:
            if base is None:
                continue
            raise LineageError(
                f"nothing tells what the closed-set generator {name!r} was trained on: make its "
                "images anew by the flow exchange-rate"
            )
        if known := sorted(seen & test):
            raise LineageError(
                f"the generator {name!r} of the pool {pool!r} was trained on {len(known)} test "
                f"images, the first with the pixel hash {known[0]}: train it without them, or "
                "test with images that it has not seen"
            )
        if base is not None and (beyond := sorted(seen - base)):
            raise LineageError(
                f"the closed-set generator {name!r} was trained on {len(beyond)} images beyond its "
                f"base of {len(base)}, the first with the pixel hash {beyond[0]}: train it on the "
                "base alone, or take its images in by `varifactory ingest` and trade them as "
                "exchange.generators=[foreign]"
            )


def unknown(rows: Iterable[Row], trained_on: TrainedOn) -> str:
    """What is told of usable foreign images whose generators may have seen anything; else empty."""
    silent = [row for row in rows if trained_on.get(row["key"]) is None]
    if not silent:
        return ""
    names = ", ".join(sorted({repr(row["editor"]) for row in silent}))
    return (
        f"foreign: nobody knows what {names} was trained on ({len(silent)} images), so that it may "
        "have seen the test images: ingest them with --trained-on"
    )


def adapted(settings: Adaptation) -> str:
    """What is told of edits whose editor was adapted to real images; empty where it was not."""
    if settings.scope == "none":
        return ""
    return (
        f"edits: their editor was adapted to {_shots(settings)}, and what it learnt from those "
        "that a base does not hold is not counted in the rate"
    )


def _shots(settings: Adaptation) -> str:
    return f"up to {settings.shots} real training images a class"


def beyond(
    rows: Iterable[Row], trained_on: TrainedOn, bases: Mapping[int, Sequence[frozenset[str]]]
) -> list[str]:
    """What foreign generators have seen beyond the bases, a sentence a generator that has.

    Args:
        rows: usable foreign images.
        trained_on: of each, where it is known.
        bases: base size a class -> pixel hashes of its images, of every seed.
    """
    seen: dict[str, frozenset[str]] = {}
    sets = {(row["editor"], id(known)): known  # images share their sets
            for row in rows if (known := trained_on.get(row["key"]))}  # fmt: skip
    for (name, _), known in sets.items():
        seen[name] = seen.get(name, frozenset()) | known
    found = []
    for name, known in sorted(seen.items()):
        more = [told for size, each in bases.items() if (told := _more(known, size, each))]
        if more:
            found.append(
                f"foreign: {name!r} was trained on {len(known)} images, {' and '.join(more)}: "
                "these are not counted in the rate"
            )
    return found


def _more(known: frozenset[str], size: int, bases: Sequence[frozenset[str]]) -> str:
    """``28 beyond the 12 of a base of 4 a class``; empty where it has seen the bases alone."""
    counts = sorted({len(known - base) for base in bases})
    if not counts[-1]:
        return ""
    told = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    return f"{told} beyond the {len(bases[0])} of a base of {size} a class"


def told(
    pools: Mapping[str, Sequence[Row]], trained_on: TrainedOn, settings: Adaptation,
    foreign_set: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Generator of ``recipe.exchange`` -> what its images were made from, for ``plan.json``.

    Args:
        pools: generator -> its images.
        trained_on: of each.
        settings: how the editor was adapted.
        foreign_set: NAME@VERSION of the data set of foreign images.
    """
    found = {pool: _told(pool, rows, trained_on) for pool, rows in pools.items()}
    if "edits" in found and settings.scope != "none":
        found["edits"]["adapted_to"] = _shots(settings)
    if "foreign" in found and foreign_set:
        found["foreign"]["data_set"] = foreign_set
    return found


def _told(pool: str, rows: Sequence[Row], trained_on: TrainedOn) -> dict[str, Any]:
    images = len({row["pixel_sha256"] for row in rows})
    if pool == "edits":
        sources = {source_key(row) for row in rows}
        return {"images": images, "made_from": "images of the base", "sources": len(sources)}
    names = sorted({str(row.get("generator") or row.get("editor")) for row in rows})
    seen = [trained_on.get(row["key"]) for row in rows]
    known = None if None in seen else len(frozenset().union(*(each or () for each in seen)))
    made_from = "images of the base" if pool == "closed-set" else "taken in"
    return {"images": images, "made_from": made_from, "trained_on": known,
            "generators": names if pool == "foreign" else len(names)}  # fmt: skip
