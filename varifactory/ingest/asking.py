"""What is asked of an ingest, and the data set beside which foreign images are put."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from varifactory.errors import FactoryError
from varifactory.history.commands import INGEST, PRUNE
from varifactory.history.versions import check_name, maker
from varifactory.loading import items_table
from varifactory.recipe import Recipe, Sources
from varifactory.sources import ClassNameError, class_name
from varifactory.sources.folder import open_place
from varifactory.stages import Row
from varifactory.store import Manifest, Store

KIND = "foreign"
"""Kind of the items, stage of the rows, and what a version's counts hold of them."""
_WORDS = {
    "sources.kind=table": "the file itself",
    "sources.uri": "FOLDER|TABLE",
    "sources.image_column": "--image-column",
    "sources.label_column": "--label-column",
    "sources.max_pixels": "--max-pixels",
    "sources.fetch_urls": "--fetch-urls",
}
"""Settings of a recipe's sources -> what they are called here."""


class IngestError(FactoryError):
    """Images that cannot be taken in as they are asked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One ingest, as a person asks for it."""

    place: str
    """Folder of class folders, a Parquet table or a folder of such alone; here or on S3."""
    name: str
    """Of the data set that it becomes."""
    beside: str
    """``NAME`` or ``NAME@VERSION``: whose real images, classes and image size count."""
    generator: str
    """Who made the images, in the user's words."""
    trained_on: str = ""
    """File of pixel hashes, or a place of images; empty: nobody knows."""
    image_column: str = "image"
    label_column: str = "label"
    prompt_column: str = ""
    """Of a table; empty: ``prompt`` where it has one."""
    max_pixels: int = 0
    """A larger image is refused before decoding; 0: as the data set beside it has it."""
    fetch_urls: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """The data set that gives classes, real images and the size of masters."""

    manifest: Manifest
    items: tuple[Row, ...]
    """Its source items, whatever became of them."""
    settings: Sources
    """How the foreign place is read."""

    @property
    def title(self) -> str:
        """``pets@3``."""
        return f"{self.manifest.name}@{self.manifest.version}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Classes of its usable real images, sorted."""
        return tuple(sorted({str(row["label"]) for row in self.items if row["status"] == "ok"}))

    def pixels(self, split: str) -> frozenset[str]:
        """Pixel hashes of the usable real images of a split."""
        return frozenset(
            str(row["pixel_sha256"])
            for row in self.items
            if row["status"] == "ok" and row["split"] == split
        )


def look(store: Store, asked: Asked) -> Beside:
    """The data set beside the foreign images, once it is sure that they may stand there.

    Raises:
        IngestError: names that cannot be, or a data set without real images.
        RecipeError: the recipe of that data set is of another varifactory.
        StoreError: no such data set.
    """
    _check_words(asked)
    name, _, version = asked.beside.partition("@")
    _check_name(store, asked.name, name)
    manifest = store.dataset(name, version or None)
    rows: list[Row] = items_table(store, manifest).to_pylist()
    found = Beside(
        manifest,
        tuple(row for row in rows if row["kind"] == "source"),
        _settings(asked, manifest.recipe),
    )
    if not found.class_names:
        raise IngestError(
            f"data set {found.title} has no usable real image: foreign images are put beside real "
            "ones of the same classes; name another data set with --beside"
        )
    return found


def _check_words(asked: Asked) -> None:
    try:
        class_name(asked.generator)  # shown and stored like a class's name
    except ClassNameError as error:
        told = re.sub("^(the )?class name", "generator", str(error))
        raise IngestError(f"{told}: set --generator") from None


def _check_name(store: Store, name: str, beside: str) -> None:
    check_name(name)
    if name == beside:
        raise IngestError(
            f"--as {name!r} is the data set beside it: give the foreign images a name of their own"
        )
    numbers = dict(store.datasets()).get(name, [])
    if not numbers:
        return
    by = maker(store, name)
    alike = by in ("", PRUNE) and KIND in store.dataset(name, numbers[-1]).counts
    if by != INGEST and not alike:
        raise IngestError(
            f"data set {name!r} was made by {by or 'an unknown flow'!r}, not by an ingest: give "
            "another name with --as"
        )


def _settings(asked: Asked, recipe: Mapping[str, Any]) -> Sources:
    of = Recipe.parse(recipe, where=f"the recipe of {asked.beside}").sources
    try:
        return Sources(
            kind=_kind(asked.place), uri=asked.place, size=of.size,
            image_column=asked.image_column, label_column=asked.label_column,
            max_pixels=asked.max_pixels or of.max_pixels, fetch_urls=asked.fetch_urls,
        )  # fmt: skip
    except ValidationError as error:
        wrong = error.errors()[0]
        raise IngestError(f"{wrong['loc'][0]}: {wrong['msg']}, not {wrong['input']!r}") from None


def _kind(place: str) -> Literal["folder", "table"]:
    """A table where the place is a file, or a folder of Parquet files alone: beside class folders
    such a file is a word about them."""
    fs, path = open_place(place)
    try:
        if fs.info(path)["type"] != "directory":
            return "table"
        inside = {str(one["name"]).rstrip("/").rpartition("/")[2]: str(one["type"])
                  for one in fs.ls(path, detail=True)}  # fmt: skip
    except Exception:  # a client's own errors too: whoever lists it next explains them
        return "folder"
    if any(kind == "directory" and not name.startswith(".") for name, kind in inside.items()):
        return "folder"
    return "table" if any(name.endswith(".parquet") for name in inside) else "folder"


def whole(place: str) -> str:
    """A place as anybody on this machine finds it; empty stays empty."""
    if not place:
        return ""
    fs, path = open_place(place)
    return str(fs.unstrip_protocol(path)).removeprefix("file://")


def in_own_words(text: str) -> str:
    """A message of the readers of sources, with options of the command for a recipe's settings."""
    for setting, option in _WORDS.items():
        text = text.replace(setting, option)
    return text
