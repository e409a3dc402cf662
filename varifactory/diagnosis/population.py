"""The synthetic images that are diagnosed, and the real ones they are held against, as vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from varifactory.diagnosis.checking import (
    PopulationError,
    check_sides,
    listed,
    of_length_one,
    shown,
    target_labels,
)
from varifactory.diagnosis.choosing import Chosen, compared, labels_of, target_of
from varifactory.diagnosis.plan import DiagnosisPlan
from varifactory.diagnosis.user_vectors import UserVectors, read_user_vectors
from varifactory.embeddings import Embedded, Vectors, read_embeddings
from varifactory.stages import Row
from varifactory.store import Manifest, Store
from varifactory.texts import texts_of

__all__ = [
    "Images", "Population", "PopulationError", "population", "population_of_table",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Images:
    """Labelled images, row by row."""

    pixels: tuple[str, ...]
    """Hash of the decoded pixels, or a user's own name of the image."""
    labels: tuple[str, ...]
    vectors: Vectors
    """(n, width), of length 1."""
    blobs: tuple[str, ...] = ()
    """PNGs in the store, for strips of evidence; empty where there are none."""

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True)
class Population:
    """All that a diagnosis rests on; validated by whoever makes one."""

    name: str
    """``pets@3``, or a file's."""
    encoder: str
    class_names: tuple[str, ...]
    real: Images
    """The reference."""
    synthetic: Images
    attributes: tuple[str, ...]
    """A synthetic image each; empty text where the whole image is synthetic."""
    own: NDArray[np.int64]
    """Place in ``real`` of the image that each synthetic one was made from; -1: of none there. Left
    out of its neighbours, so that an edit is not praised for its own source."""
    sources: NDArray[np.int64] | None = None
    """A synthetic image each: a number, the same for those made from one image, be it in ``real``
    or not; -1 of none. None: ``own`` tells."""
    prompts: tuple[str, ...] = ()
    """A synthetic image each; empty without prompts."""
    prompt_vectors: Vectors | None = None
    """(synthetic images, width); None without an encoder of texts."""
    class_vectors: Vectors | None = None
    """(classes, width): texts of the class names; None without an encoder of texts."""
    senses: Mapping[str, Mapping[str, Vectors]] = field(default_factory=dict)
    """Class name -> other sense -> (width,)."""
    logit_scale: float = 100.0
    target: Images | None = None
    """Images of another domain that synthetic ones should overlap with, all with labels of which
    synthetic ones have some, or none with any; None: the reference."""
    notes: tuple[str, ...] = ()
    """What a reader must know of how the images were taken."""

    @property
    def made_of(self) -> NDArray[np.int64]:
        """``sources``, or what is known of them: what hangs together in any draw of images."""
        return self.own if self.sources is None else self.sources


def population(store: Store, manifest: Manifest, plan: DiagnosisPlan) -> Population:
    """What a diagnosis of a data set version rests on, from stored vectors alone.

    An image without a prompt of its own stands with the text of its class, which is what was asked
    of its maker.

    Raises:
        PopulationError: the images cannot be diagnosed, or a picture has no vector.
        NotEmbedded: a text has no vector.
        StoreError: a part of the version is gone or damaged.
    """
    name = f"{manifest.name}@{manifest.version}"
    found = compared(store, manifest, plan.settings.reference)
    hashes = sorted({str(row["pixel_sha256"]) for row in found.rows})
    embedded = read_embeddings(store, plan.embeddings, hashes)
    real, synthetic = (_images(name, rows, embedded) for rows in (found.real, found.synthetic))
    place = {row["source_key"]: at for at, row in enumerate(found.real)}
    target, notes = _target(store, plan, found.labels[1])
    known = Population(
        name=name,
        encoder=plan.encoder,
        class_names=found.class_names,
        real=real,
        synthetic=synthetic,
        attributes=tuple(str(row["attribute"] or "") for row in found.synthetic),
        own=np.array([place.get(row["source_key"], -1) for row in found.synthetic], np.int64),
        sources=_numbers([str(row["source_key"] or "") for row in found.synthetic]),
        prompts=found.prompts if any(found.prompts) else (),
        logit_scale=plan.logit_scale,
        target=target,
        notes=(*_unmade(*found.labels), *notes),
    )
    return _with_texts(store, plan, found, known) if plan.texts else known


def _with_texts(store: Store, plan: DiagnosisPlan, found: Chosen, known: Population) -> Population:
    classes = [plan.class_text(one) for one in found.class_names]
    asked = [
        prompt or plan.class_text(str(row["label"]))
        for row, prompt in zip(found.synthetic, found.prompts, strict=True)
    ]
    senses = [text for each in plan.senses.values() for text in each.values()]
    read = texts_of(store, plan.texts, [*classes, *asked, *senses])
    rest = iter(read[len(classes) + len(asked) :])
    return replace(
        known,
        class_vectors=read[: len(classes)],
        prompt_vectors=read[len(classes) : len(classes) + len(asked)],
        senses={name: {sense: next(rest) for sense in each} for name, each in plan.senses.items()},
    )


def _target(
    store: Store, plan: DiagnosisPlan, synthetic: Sequence[str]
) -> tuple[Images | None, tuple[str, ...]]:
    if plan.target is None:
        return None, ()
    manifest = store.dataset(plan.target.name, plan.target.version)
    rows, labels, notes = target_of(store, manifest, synthetic)
    hashes = [str(row["pixel_sha256"]) for row in rows]
    vectors = read_embeddings(store, plan.embeddings, hashes)
    images = _images(f"the target {manifest.name}@{manifest.version}", rows, vectors)
    return replace(images, labels=labels), notes


def _images(name: str, rows: Sequence[Row], embedded: Embedded) -> Images:
    pixels = tuple(str(row["pixel_sha256"]) for row in rows)
    places = embedded.places(pixels)
    if lost := [one for one, place in zip(pixels, places, strict=True) if place < 0]:
        raise PopulationError(
            f"{len(lost)} of {len(rows)} pictures of {name} have no embedding, the first with the "
            f"pixel hash {lost[0]}: run `python -m flows.diagnose` again, which embeds what is "
            "missing; if it was embedded and failed, its row says why"
        )
    return Images(
        pixels=pixels,
        labels=labels_of(rows),
        vectors=of_length_one(name, pixels, embedded.vectors[places]),
        blobs=tuple(str(row["image_blob"] or "") for row in rows),
    )


def population_of_table(given: str | Path | pa.Table) -> Population:
    """What a diagnosis of a user's own vectors rests on; ``user_vectors`` tells the columns.

    Vectors are divided by their lengths. Without texts there are no vectors of classes or prompts.

    Raises:
        PopulationError: it cannot be read, or its images cannot be diagnosed.
    """
    rows = read_user_vectors(given)
    real, synthetic, target = (rows.places(side) for side in ("real", "synthetic", "target"))
    labels = [[rows.labels[at] for at in places] for places in (real, synthetic)]
    check_sides(rows.name, *labels)
    texts = {name: tuple(column[at] for at in synthetic) for name, column in rows.optional.items()}
    made_from = texts.get("made_from", ())
    place = {rows.images[at]: number for number, at in enumerate(real)}
    own = [place.get(name, -1) for name in made_from] or [-1] * len(synthetic)
    prompts = texts.get("prompt", ())
    aim, notes = _target_of(rows, target, labels[1])
    return Population(
        name=rows.name,
        encoder=rows.encoder,
        class_names=tuple(sorted({*labels[0], *labels[1]})),
        real=_taken(rows, real),
        synthetic=_taken(rows, synthetic),
        attributes=texts.get("attribute") or ("",) * len(synthetic),
        own=np.array(own, np.int64),
        sources=_numbers(made_from) if made_from else None,
        prompts=prompts if any(prompts) else (),
        target=aim,
        notes=(*_unmade(*labels), *notes, *_unknown(made_from, place)),
    )


def _numbers(names: Sequence[str]) -> NDArray[np.int64]:
    """A number a name; -1 of empty text."""
    number = {name: at for at, name in enumerate(dict.fromkeys(filter(None, names)))}
    return np.array([number.get(name, -1) for name in names], np.int64)


def _target_of(
    rows: UserVectors, places: NDArray[np.intp], synthetic: Sequence[str]
) -> tuple[Images | None, tuple[str, ...]]:
    if not len(places):
        return None, ()
    given = [rows.labels[at] for at in places]
    labels, notes = target_labels(f"the target in {rows.name}", given, synthetic)
    return replace(_taken(rows, places), labels=labels), notes


def _taken(rows: UserVectors, places: NDArray[np.intp]) -> Images:
    images = tuple(rows.images[at] for at in places)
    vectors = of_length_one(rows.name, images, rows.vectors[places])
    return Images(images, tuple(rows.labels[at] for at in places), vectors)


def _unmade(real: Sequence[str], synthetic: Sequence[str]) -> tuple[str, ...]:
    """A note on the classes of which nothing was made."""
    bare = sorted(set(real) - set(synthetic))
    return (f"no synthetic image of {listed(map(shown, bare))}",) if bare else ()


def _unknown(made_from: Sequence[str], place: Mapping[str, int]) -> tuple[str, ...]:
    """A note on images whose source is none of the real ones.

    Raises:
        PopulationError: that is so of all of them.
    """
    named = [name for name in made_from if name]
    lost = [name for name in named if name not in place]
    if lost and len(lost) == len(named):
        raise PopulationError(
            f"none of the {len(named)} images named in the column 'made_from' is a real one of the "
            f"table, such as {shown(lost[0])}: name images of source 'real', or leave the column "
            "out"
        )
    if not lost:
        return ()
    return (
        f"{len(lost)} of {len(named)} sources in 'made_from' are not among the real images, such "
        f"as {shown(lost[0])}",
    )
