"""No training on test images, and no choice by them: copies are looked for before anything is made.

A data set leaves them out and says so; a study stops, unless its recipe says otherwise.
"""

from collections.abc import Mapping, Sequence

from flows.embedding import embedded
from flows.run import FactoryRun
from flows.tally import StageFailed
from tasks.leakage import CHECKS, PICTURES, leakage_shard
from varifactory.errors import FactoryError
from varifactory.keys import spec_of
from varifactory.leakage import copies as leakage
from varifactory.leakage import neighbours
from varifactory.leakage.copies import Leak
from varifactory.loading import items_of
from varifactory.stages import Row
from varifactory.store import Manifest
from varifactory.training.arms import ARMS

LISTED = 12
"""Pairs that an error lists; all of them are in the stage ``leakage``."""


HELD = {"train": "training", "validation": "validation"}
"""Split -> its images in words, of those that may show no test image: weights are learned from the
first and chosen by the second."""


class Leaked(FactoryError):
    """Training or validation images, or edits, that show test images."""


def unleaked(
    run: FactoryRun,
    images: Sequence[Row],
    test: Sequence[Row],
    *,
    study: bool = False,
    copies: Sequence[Row] = (),
) -> list[Row]:
    """The training and validation images that show no test image.

    Args:
        run: its recipe says what follows, where it is a study.
        images: rows of sources that may be trained on and edited, or that weights are chosen by.
        test: rows of the test images.
        study: whether it is trained and scored; embedding neighbours are then looked at, too.
        copies: images of all splits that were set aside because another has the same pixels. They
            are not used, but who put a test image among others should know before a study does; and
            where the labels differ the test image is set aside as well.

    Raises:
        Leaked: a study whose ``study.leaks`` is ``stop`` has leaks; the message names them.
        StageFailed: the check failed.
    """
    leaks = _looked_for(run, images, test, study=study)
    names = {row["key"]: row["uri"] for row in [*images, *test]}
    told = {key: _told(leak, names) for key, leak in leaks.items()}
    aside, torn = _set_aside(copies, test)
    if study and run.recipe.study.leaks == "stop" and not run.dry:
        _refuse({**aside, **torn, **told}, [*images, *copies])
    run.notices += [
        f"{told[row['key']]}: left out of {HELD[row['split']]}"
        for row in images if row["key"] in told
    ]  # fmt: skip
    if torn:
        run.notices.append(
            f"{len(torn)} files show test images under another label, so that neither counts:"
            f"{_listed(list(torn.values()))}"
        )
    return [row for row in images if row["key"] not in leaks]


def _looked_for(
    run: FactoryRun, images: Sequence[Row], test: Sequence[Row], *, study: bool
) -> dict[str, Leak]:
    """The likest leak of each image that has one; each split is a check of its own."""
    parts = [[row for row in images if row["split"] == split] for split in HELD]
    if not images or not test:
        return {}
    found = _checked(run, parts, test)
    if study:
        found += _checked(run, parts, test, embedded(run, [*images, *test]))
    return _likest(found)


def _set_aside(copies: Sequence[Row], test: Sequence[Row]) -> tuple[dict[str, str], dict[str, str]]:
    """What is to be said, by key, of copies of test images that count; and of those that do not."""
    gone = [row for row in copies if row["split"] == "test" and row["status"] == "rejected"]
    held = [row for row in copies if row["split"] in HELD]
    names = {row["key"]: row["uri"] for row in [*copies, *test]}
    labels = {row["key"]: row["label"] for row in copies}
    aside = {key: _told(leak, names) for key, leak in _likest(leakage.equal(held, test)).items()}
    torn = {
        key: f"{names[key]} ({labels[key]}) is the {leak.how} as the test image "
        f"{names[leak.test_key]} ({labels[leak.test_key]})"
        for key, leak in _likest(leakage.equal(held, gone)).items()
    }
    return aside, torn


def _refuse(told: Mapping[str, str], images: Sequence[Row]) -> None:
    """Stop where anything is told, by key, of the images."""
    if not told:
        return
    counts = []
    for split, name in HELD.items():
        keys = [row["key"] for row in images if row["split"] == split]
        if leaked := sum(key in told for key in keys):
            counts.append(f"{leaked} of {len(keys)} {name} images")
    raise Leaked(
        f"{' and '.join(counts)} show test images, so a score would not be one of unseen images:"
        f"{_listed(list(told.values()))}\nRemove one file of each pair, or set "
        "study.leaks='leave out', which leaves out these images and their edits"
    )


def refuse_leaks(run: FactoryRun, manifest: Manifest) -> None:
    """Stop where an edit that may be trained on shows a test image: the same pixels, or a
    neighbour of it by embedding that lies nearer to it than to the image it was made from.

    Edits of training images that were found by ``unleaked`` are not made in the first place.

    Raises:
        Leaked: there are such edits, whatever ``study.leaks`` says, for a person must look at them.
        StageFailed: the check failed.
    """
    items = items_of(run.store, manifest.name, manifest.version)
    refuse_edits(run, items, f"{manifest.name}@{manifest.version}")


def refuse_edits(run: FactoryRun, items: Sequence[Row], title: str) -> None:
    """The same of the items of a data set that is called ``title``."""
    real = {row["source_key"]: row for row in items if row["kind"] == "source"}
    test = [row for row in real.values() if row["split"] == "test" and row["status"] == "ok"]
    firsts = any(ARMS[arm].synthetic == "unfiltered" for arm in run.recipe.training.arms)
    edits = _trained_on(items, real, firsts=firsts)
    if not edits or not test:
        return
    spec = embedded(run, [*edits, *test, *(real[row["source_key"]] for row in edits)])
    leaks = _same_pixels(edits, test) + _checked(run, [edits], test, spec)
    if not leaks:
        return
    names = {row["key"]: _short(row) for row in [*test, *edits]}
    each = _likest(leaks)
    told = [_told(leak, names) for leak in each.values()]
    keys = " ".join(sorted({key.partition(" ")[0][:16] for key in each}))
    raise Leaked(
        f"{len(told)} of {len(edits)} edits of {title} show test images, so a score would measure "
        f"memory:{_listed(told)}\nLook at them in the gallery and refuse them (varifactory decide "
        f"reject {title.partition('@')[0]} {keys}), or take the test images out, and run the study "
        "again"
    )


def _trained_on(items: Sequence[Row], real: dict[str, Row], *, firsts: bool) -> list[Row]:
    """One row a distinct picture: of the accepted edits, and of first attempts if these count."""
    found: dict[str, Row] = {}
    for row in items:
        if row["kind"] != "edit" or row["source_key"] not in real:
            continue
        of = {"label": row["label"], "source_key": row["source_key"],
              "source_pixels": real[row["source_key"]]["pixel_sha256"]}  # fmt: skip
        pictures = [("", "pixel_sha256", "image_blob")] if row["status"] == "ok" else []
        pictures += [(" at its first attempt", "first_sha256", "first_blob")] if firsts else []
        for when, hashed, blob in pictures:
            if row.get(hashed) and row.get(blob):
                shown = {"key": row["edit_key"] + when, "pixel_sha256": row[hashed],
                         "image_blob": row[blob]}  # fmt: skip
                found.setdefault(row[hashed], {**of, **shown})
    return list(found.values())


def _checked(
    run: FactoryRun, parts: Sequence[Sequence[Row]], test: Sequence[Row], embeddings: str = ""
) -> list[Leak]:
    """One check of each part that has images, made or found in the store."""
    fields = neighbours.neighbour_spec(embeddings) if embeddings else leakage.leakage_spec()
    spec = spec_of("leakage", fields)
    planned = [leakage.plan_check(spec, part, test) for part in parts if part]
    checks = dict(zip([row["key"] for row in planned], filter(None, parts), strict=True))
    run.leave(PICTURES, leakage.pictures(checks, test))
    extra = {"embeddings": embeddings} if embeddings else {}
    checked = run.stage(leakage_shard, "leakage", fields, planned, size=CHECKS, extra=extra)
    if bad := [row for row in checked if row["status"] != "ok"]:
        raise StageFailed(
            "the check for copies of test images failed, so nothing was trained on or published: "
            f"{bad[0]['reason']}. Run the same command again"
        )
    return [leak for row in checked for leak in leakage.read_leaks(row)]


def _same_pixels(edits: Sequence[Row], test: Sequence[Row]) -> list[Leak]:
    known = {row["pixel_sha256"]: row["key"] for row in test}
    return [
        Leak(row["key"], known[row["pixel_sha256"]], "copy by its pixels", 1.0)
        for row in edits if row["pixel_sha256"] in known
    ]  # fmt: skip


def _likest(leaks: Sequence[Leak]) -> dict[str, Leak]:
    """The first leak of each training image or edit."""
    found: dict[str, Leak] = {}
    for leak in leaks:
        found.setdefault(leak.train_key, leak)
    return found


def _told(leak: Leak, names: dict[str, str]) -> str:
    return (
        f"{names[leak.train_key]} is a {leak.how} of the test image {names[leak.test_key]} "
        f"(likeness {leak.score:.2f})"
    )


def _short(row: Row) -> str:
    key, _, when = str(row["key"]).partition(" ")
    return f"{key[:16]}{f' {when}' if when else ''} ({row['label']})"


def _listed(told: Sequence[str]) -> str:
    more = [f"and {len(told) - LISTED} more"] if len(told) > LISTED else []
    return "".join(f"\n  {one}" for one in [*told[:LISTED], *more])
