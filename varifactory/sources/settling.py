"""Read rows to sources: keys from content, splits, duplicates, and the few shots of a study."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from varifactory.errors import SourceError
from varifactory.keys import item_key, share, source_key
from varifactory.recipe import Sources, Split
from varifactory.runs.unmade import is_unmade, unmade_first
from varifactory.sources.listing import Listing
from varifactory.sources.names import SPLITS
from varifactory.stages import Row


@dataclass(frozen=True, slots=True)
class Settled:
    """Every item of the place with how it ended, and what the user should know."""

    rows: tuple[Row, ...]
    notices: tuple[str, ...]

    def usable(self, split: str | None = None) -> list[Row]:
        """The ``ok`` rows, of one split if it is named, by key."""
        kept = [r for r in self.rows if r["status"] == "ok" and split in (None, r["split"])]
        return sorted(kept, key=lambda row: str(row["key"]))

    @property
    def copies(self) -> list[Row]:
        """Images that do not count because another has the same pixels."""
        return [
            row for row in self.rows
            if row["status"] in ("skipped", "rejected") and row.get("pixel_sha256")
        ]  # fmt: skip


def settle(listing: Listing, read: Mapping[str, Row], settings: Sources, spec: str) -> Settled:
    """The sources of a listing, from the rows that were read for it, by the planned keys.

    A source's key is made of its spec, the hash of its file's bytes and its label: never of its
    place. Pixels that occur twice under one label count once, and then as test before validation
    before training, so that a copy cannot leak; under different labels none of them counts.

    Raises:
        SourceError: no usable source is left.
    """
    rows = [_placed(plan, read, listing, settings, spec) for plan in listing.planned]
    _settle_copies(rows, spec)
    settled = (*rows, *listing.decided)
    if not any(row["status"] == "ok" for row in settled):
        first = next(row for row in settled)
        raise SourceError(
            f"none of the {len(settled)} images can be used; the first, {first['uri']}: "
            f"{first['reason']}"
        )
    return Settled(
        settled, (*listing.notices, *_cuts(listing, settings.split), *_gaps(listing, settled))
    )


def split_of(content_hash: str, shares: Split) -> str:
    """Where content falls: the same image in every run, machine and set of this share."""
    place = share(content_hash, "split")
    if place < shares.test:
        return "test"
    return "validation" if place < shares.test + shares.validation else "train"


@dataclass(frozen=True, slots=True)
class Sample:
    """The training sources that a study may use."""

    rows: tuple[Row, ...]
    notices: tuple[str, ...]


def few_shot(rows: Iterable[Row], shots: int, seed: int) -> Sample:
    """Up to ``shots`` training sources a class (0 is all), chosen by content and seed.

    A larger number of shots holds the smaller one, and another image in the folder displaces at
    most one. Validation and test sources are not touched.
    """
    classes: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["status"] == "ok" and row["split"] == "train":
            classes[str(row["label"])].append(row)
    chosen, notices = [], []
    for label, members in sorted(classes.items()):
        ordered = unmade_first(
            sorted(members, key=lambda r: (share(r["pixel_sha256"], f"shot {seed}"), r["key"]))
        )
        chosen += ordered[: shots or None]
        if len(ordered) < shots:
            notices.append(
                f"class {label!r} has {len(ordered)} training images, {shots} were asked"
            )
    return Sample(tuple(chosen), tuple(notices))


def _placed(
    plan: Row, read: Mapping[str, Row], listing: Listing, settings: Sources, spec: str
) -> Row:
    found = read.get(plan["key"])
    if found is None:
        reason = "it was listed, but never read: run again"
        return {**plan, "status": "failed", "reason": reason, "error_type": "NotRead"}
    row = {**found, "uri": plan["uri"], "label": plan["label"]}
    if row["status"] != "ok":
        return row
    key = source_key(spec, row)
    split = plan.get("split")
    if split in (None, "train") and is_unmade(row):
        split = "train"  # a plan counts what may be edited
    elif split in (None, "train"):
        split = _cut(row["bytes_sha256"], listing.given_splits, settings.split)
    return {**row, "key": key, "split": split}


def _cut(content_hash: str, given: frozenset[str], shares: Split) -> str:
    """A split by content; what the place gives itself is not cut from its other images."""
    return split_of(
        content_hash,
        Split(
            validation=0.0 if "validation" in given else shares.validation,
            test=0.0 if "test" in given else shares.test,
        ),
    )


def _settle_copies(rows: list[Row], spec: str) -> None:
    same: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        if row["status"] == "ok":
            same[str(row["pixel_sha256"])].append(number)
    for numbers in same.values():
        if len(numbers) < 2:
            continue
        copies = sorted(numbers, key=lambda n: (-SPLITS.index(rows[n]["split"]), rows[n]["uri"]))
        labels = sorted({str(rows[n]["label"]) for n in copies})
        first = rows[copies[0]]["uri"]
        for n in copies if len(labels) > 1 else copies[1:]:
            row = rows[n]
            status = "rejected" if len(labels) > 1 else "skipped"
            reason = (
                f"the same image has the labels {labels}: keep one of them"
                if len(labels) > 1
                else f"the same image as {first}"
            )
            key = item_key(spec, uri=row["uri"], label=row["label"], copy_of=row["pixel_sha256"])
            rows[n] = {**row, "key": key, "status": status, "reason": reason}


def _cuts(listing: Listing, shares: Split) -> list[str]:
    if not listing.given_splits:
        return []
    return [
        f"no {split} split is given: {getattr(shares, split):.0%} of the training images are it"
        for split in ("validation", "test")
        if split not in listing.given_splits
    ]


def _gaps(listing: Listing, rows: Sequence[Row]) -> list[str]:
    """What is missing for a study: classes without usable images, or without one in a split."""
    have = {(row["label"], row["split"]) for row in rows if row["status"] == "ok"}
    notices = []
    for split in SPLITS:
        without = [name for name in listing.class_names if (name, split) not in have]
        if without:
            named = ", ".join(without[:10]) + (", ..." if len(without) > 10 else "")
            notices.append(f"{len(without)} classes have no {split} image: {named}")
    return notices
