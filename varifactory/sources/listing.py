"""What a place holds, before anything is read: one planned row a file, table row or scene."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from varifactory.errors import SourceError
from varifactory.keys import item_key
from varifactory.recipe import Sources
from varifactory.sources.names import ClassNameError, class_name, shown
from varifactory.stages import Row

SOURCE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Listing:
    """The planned rows of a place, and what can be said of it without reading.

    A planned row's key names the place and its stamp (URI, size, modification time or ETag,
    label): rows that the store holds under these keys are the snapshot that makes a re-run one
    listing. ``settle`` turns them into sources, whose keys come from content alone.
    """

    planned: tuple[Row, ...]
    """To be read, in the order of their URIs; ``split`` is set where the place gives one."""
    decided: tuple[Row, ...]
    """Ended without reading (``skipped``, ``rejected`` or ``failed``), with the reason."""
    class_names: tuple[str, ...]
    given_splits: frozenset[str]
    """Splits that the place itself gives; the others are cut from training by content."""
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class Draft:
    """A listing under way."""

    spec: str
    settings: Sources
    planned: list[Row] = field(default_factory=list)
    decided: list[Row] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)
    written: dict[str, set[str]] = field(default_factory=dict)
    left_out: int = 0

    def name(self, text: str) -> str | None:
        """The label of a class as written, None if the recipe leaves the class out.

        Raises:
            ClassNameError: not a label.
        """
        name = class_name(text)
        self.written.setdefault(name, set()).add(text)
        wanted = self.settings.classes
        return name if not wanted or name in {class_name(one) for one in wanted} else None

    def plan(self, uri: str, size: int, stamp: str, label: str, split: str | None = None) -> None:
        """An item that is to be read."""
        self.planned.append(self.row(uri, size, stamp, label, split))
        if split:
            self.given.add(split)

    def decide(
        self, uri: str, status: str, reason: str, label: str = "", error_type: str = ""
    ) -> None:
        """An item that ends here."""
        row = self.row(printable(uri), 0, reason, label, None)
        self.decided.append({**row, "status": status, "reason": reason, "error_type": error_type})

    def row(self, uri: str, size: int, stamp: str, label: str, split: str | None) -> Row:
        key = item_key(self.spec, uri=uri, size=size, stamp=stamp, label=label)
        place: Row = {"key": key, "uri": uri, "uri_size": size, "uri_stamp": stamp, "label": label}
        return {**place, "split": split} if split else place

    def finish(self, where: str) -> Listing:
        """The listing, once it is sure that it can be used.

        Raises:
            SourceError: no image at all, or none of a class that the recipe names.
        """
        names = sorted({row["label"] for row in self.planned})
        self._check_wanted(names, where)
        if not self.planned:
            raise SourceError(self._why_nothing(where))
        if self.left_out:
            self.notices.append(
                f"{self.left_out} images of classes that sources.classes leaves out"
            )
        if len(names) == 1:
            self.notices.append(
                f"only one class ({names[0]!r}): edits can be made, but nothing can be trained"
            )
        for name, ways in sorted(self.written.items()):
            if len(ways) > 1:
                self.notices.append(f"{len(ways)} spellings are taken as one class {name!r}")
        by_fold: dict[str, list[str]] = {}
        for name in names:
            by_fold.setdefault(name.casefold(), []).append(name)
        for alike in by_fold.values():
            if len(alike) > 1:
                self.notices.append(f"classes {alike} differ in upper case only: are they one?")
        planned = sorted(self.planned, key=lambda row: str(row["uri"]))
        return Listing(
            tuple(planned),
            tuple(self.decided),
            tuple(names),
            frozenset(self.given),
            tuple(self.notices),
        )

    def _check_wanted(self, names: list[str], where: str) -> None:
        missing = sorted({class_name(one) for one in self.settings.classes} - set(names))
        if missing:
            found = sorted(self.written)[:20]
            raise SourceError(
                f"sources.classes names {missing}, of which {where} has no images; it has {found}"
            )

    def _why_nothing(self, where: str) -> str:
        if not self.decided:
            return (
                f"{where} holds no images: sources.uri needs class folders with PNG, JPEG or WebP"
            )
        first = self.decided[0]
        return (
            f"{where} holds no usable image among {len(self.decided)} entries; the first, "
            f"{first['uri']}: {first['reason']}"
        )


def printable(uri: str) -> str:
    """A URI that every table can hold: bytes that are no Unicode are escaped."""
    return uri.encode("utf-8", "backslashreplace").decode("utf-8")


def source_fields(settings: Sources) -> Mapping[str, Any]:
    """What all sources share; passed through ``keys.spec_of("sources", ...)``.

    Thresholds, shots, splits and places are left out: they change no stored pixel.
    """
    return {"size": settings.size, "fit": "central square", "source_version": SOURCE_VERSION}


def labelled(
    draft: Draft, uris: Iterable[str], text: str, plan: Callable[[str, str], None]
) -> None:
    """Plan items of one class as the user wrote it, or reject each where it is no label."""
    try:
        label = draft.name(text)
    except ClassNameError as error:
        for uri in uris:
            draft.decide(uri, "rejected", str(error), shown(text), "ClassNameError")
        return
    for uri in uris:
        if label is None:
            draft.left_out += 1
        else:
            plan(uri, label)
