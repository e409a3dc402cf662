"""Diagnoses with drawn pictures, as a run would leave them: for tests of their page."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from varifactory.diagnosis.figures import Copy, Diagnosis, Flag, Group, Kept, Scored, Seen
from varifactory.images import encode_png
from varifactory.metrics import Measure
from varifactory.statistics import Interval

COVERS = "the images at hand, not another run of the generator"
CLASSES = ("anchor", "crane", "kettle", "lantern", "mug", "owl")
SMALL = "n too small: 12 images, at least 20"
FEW = "fewer than 20 synthetic or real images"


def measure(name: str, value: float | None, half: float = 0.05, reference: float | None = None,
            n: int = 60, why: str = "") -> Measure:  # fmt: skip
    """A measure with a plain interval; without a value it says why."""
    found = None if value is None else Interval(value, value - half, value + half, 0.95, COVERS)
    return Measure(name, found, n, 80, reference, why)


def group(label: str, *, attribute: str = "", precision: float = 0.92, vendi: float = 14.0,
          n: int = 60, confusers: tuple[tuple[str, float], ...] = ()) -> Group:  # fmt: skip
    """One class as it is measured; below 20 images as it is not."""
    why = "" if n >= 20 else SMALL
    told: list[tuple[str, float, float, float | None]] = [
        ("precision", precision, 0.06, 0.94), ("recall", 0.88, 0.07, 0.93),
        ("coverage", 0.81, 0.06, 0.95), ("vendi", vendi, 1.4, 15.2),
        ("posterior", 0.71, 0.05, 0.78), ("r2s", precision, 0.05, 0.97), ("s2r", 0.86, 0.08, 0.95),
    ]  # fmt: skip
    found = {
        name: measure(name, None if why else value, half, None if why else reference, n, why)
        for name, value, half, reference in told
    }
    return Group(
        label, attribute, n, 80, found, confusers, FEW if why else "", None if why else 0.25
    )


@dataclass
class Drawn:
    """A diagnosis of six classes with all that a page can show, and the pictures it names."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    classes: Sequence[str] = CLASSES

    def read(self, name: str) -> bytes:
        """A blob's bytes."""
        return self.blobs[name]

    def seen(self, label: str, at: int, said: str) -> Seen:
        """A drawn image, kept."""
        rng = np.random.default_rng([len(label), at])
        ground, shape = rng.integers(40, 230, (2, 3))
        y, x = np.mgrid[:96, :96] / 96 - 0.5
        inside = np.hypot(x - rng.uniform(-0.1, 0.1), y) < 0.2 + 0.1 * np.cos(
            (2 + at % 4) * np.arctan2(y, x)
        )
        pixels = np.where(inside[..., None], shape, ground).astype(np.uint8)
        data = encode_png(pixels)
        blob = f"{hashlib.sha256(data).hexdigest()}.png"
        self.blobs[blob] = data
        return Seen(hashlib.sha256(pixels.tobytes()).hexdigest(), blob, said)

    def strip(self, label: str, said: str, count: int = 10) -> tuple[Seen, ...]:
        """Images of a strip."""
        return tuple(self.seen(label, at, said.format(0.9 - at / 50)) for at in range(count))

    def flags(self) -> tuple[Flag, ...]:
        """An issue of each kind, two of them in one class."""
        crane, kettle, lantern, mug = self.classes[1:5]
        return (
            Flag(crane, "", "ambiguity", "other-sense",
                 f"41.7 % of the images of {crane} form one cluster away from the real ones, "
                 "nearest to the sense “lifting machine”.",
                 "Name the sense in the prompt: “a crane, a wading bird”.",
                 (measure("off_mode", 0.417, 0.08, 0.0), measure("entropy", 0.21, 0.04, 0.03),
                  measure("precision", 0.55, 0.07, 0.94)),
                 self.strip(crane, "nearest: lifting machine, {:.2f}")),
            Flag(mug, "", "adherence", "scattered",
                 f"38.3 % of the images of {mug} do not show it, and look like five other classes.",
                 "Raise the guidance, or let a judge reject more.",
                 (measure("posterior", 0.44, 0.06, 0.78), measure("clip_score", 21.3, 0.8, 26.1)),
                 self.strip(mug, "nearest: kettle, {:.2f}", 6)),
            Flag(mug, "background", "concept", "blurred",
                 f"The images of {mug} lie at the edge of the real ones.",
                 "Tune the generator on the real images first.",
                 (measure("precision", 0.71, 0.07, 0.94), measure("density", 0.38, 0.05, 1.01))),
            Flag(kettle, "", "diversity", "narrow",
                 f"The images of {kettle} show the class, and a fifth of its variety.",
                 "Widen the pool of prompts; lower the guidance.",
                 (measure("vendi", 3.1, 0.4, 15.2), measure("recall", 0.07, 0.05, 0.93)),
                 self.strip(kettle, "one of 31 alike", 8)),
            Flag(lantern, "", "copies", "of-real",
                 f"22.0 % of the images of {lantern} are nearer to a real image than real images "
                 "are to each other.",
                 "Leave these out; use more real images, or fewer steps of tuning.",
                 (measure("memorised", 0.22, 0.07, 0.01),),
                 self.strip(lantern, "cosine {:.2f}", 4)),
        )  # fmt: skip

    def diagnosis(self) -> Diagnosis:
        """All of it."""
        anchor, crane, kettle, lantern, mug, owl = self.classes
        pairs = self.strip(lantern, "", 6)
        scores = np.random.default_rng(3).normal(1.2, 0.35, 300).clip(0.1, 6)
        return Diagnosis(
            title="toys@3",
            encoder="small-clip",
            n=312,
            n_real=480,
            groups=(
                group(anchor), group(crane, precision=0.55, confusers=(("owl", 0.41),)),
                group(kettle, vendi=3.1), group(lantern),
                group(mug, precision=0.61, confusers=((kettle, 0.14), (owl, 0.12))),
                group(mug, attribute="background", precision=0.71), group(owl, n=12),
            ),
            flags=self.flags(),
            whole=(
                measure("fid", 3.21, 0.3, 1.02, 312), measure("kid", 0.0031, 0.0004, 0.0002, 312),
                measure("cmmd", 1.94, 0.12, 0.4, 312), measure("domain_auc", 0.93, 0.02, 0.5, 312),
                measure("precision", 0.82, 0.04, 0.94, 312),
                measure("recall", 0.7, 0.05, 0.93, 312),
                measure("coverage", None, why="no embeddings of texts"),
            ),
            geometry=(measure("gap", 0.82, 0.01, 0.8), measure("centroid_shift", 0.96, 0.01, 0.99)),
            copies=(
                Copy(pairs[0].pixels, pairs[1].pixels, "real", 0.9991, lantern),
                Copy(pairs[2].pixels, pairs[3].pixels, "synthetic", 0.9931, lantern),
                Copy(pairs[4].pixels, pairs[5].pixels, "synthetic", 0.9842, kettle),
            ),
            memorised=measure("memorised", 0.04, 0.02, 0.01, 312),
            curve=tuple(
                Kept(share, round(312 * share),
                     measure("overlap", 0.5 + share * (1 - share), 0.04, 0.93))
                for share in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
            ),
            realism=tuple(Scored(seen.pixels, mug, float(score)) for seen, score in
                          zip(self.strip(mug, "", 300), scores, strict=True)),
            senses=((crane, "lifting machine", 0.031), (mug, kettle, 0.112)),
            notes=("owl has 12 synthetic images, fewer than 20: nothing is said of it.",),
            settings={"neighbours": "5", "least": "20", "seed": "1"},
        )  # fmt: skip

    @cached_property
    def named(self) -> dict[str, str]:
        """Pixels -> blob of all that the diagnosis names."""
        many = {self.classes[4]: 300}
        drawn = [self.seen(label, at, "")
                 for label in self.classes for at in range(many.get(label, 10))]  # fmt: skip
        return {seen.pixels: seen.blob for seen in drawn}
