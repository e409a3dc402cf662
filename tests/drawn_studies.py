"""Studies as plain figures, made up: what a page is given to show, without a store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import sqrt

import numpy as np

from tests.drawn_items import Drawn, masked
from varifactory.statistics import IMAGES_AND_SEEDS, Effect, Interval, McNemar, Verdict, proportion
from varifactory.store import Manifest
from varifactory.study.datasets import DatasetFigures, figures_of
from varifactory.study.figures import (
    Arm,
    Check,
    ClassChange,
    Comparison,
    Confound,
    Plan,
    Scaling,
    Study,
)
from varifactory.training.grid import Stratum
from varifactory.yields import confusion

PLAN = Plan(margin=0.005, resolve=0.003, power=0.8, confidence=0.95,
            registered_at="2026-11-21T13:04:00+00:00")  # fmt: skip
CLASSES = ("kettle", "lantern", "owl", "anchor", "teapot", "violin", "cactus", "sailing boat")
QUICK = {"zero-shot": 0.34, "real": 0.71, "feasible": 0.66, "infeasible": 0.65,
         "real+feasible": 0.751, "real+infeasible": 0.745, "real+mixed": 0.757}  # fmt: skip
COMPARED = (("helps", "real+mixed", "real"), ("helps", "real+feasible", "real"),
            ("helps", "real+infeasible", "real"), ("helps", "feasible", "real"),
            ("helps", "infeasible", "real"), ("matters", "real+feasible", "real+infeasible"),
            ("matters", "feasible", "infeasible"), ("control", "zero-shot", "real"),
            ("control", "real-standard", "real"), ("control", "copy-real", "real"),
            ("control", "real+unchanged", "real"), ("control", "real+unfiltered", "real"),
            ("control", "real+mixed", "copy-real"),
            ("control", "real+mixed", "real+unchanged"),
            ("control", "real+mixed", "real+unfiltered"))  # fmt: skip


def interval(middle: float, half: float, covers: str = IMAGES_AND_SEEDS) -> Interval:
    return Interval(middle, middle - half, middle + half, 0.95, covers)


def arm(stratum: Stratum, name: str, top1: float, images: int, classes: Sequence[str]) -> Arm:
    trained, edits = name != "zero-shot", name not in ("zero-shot", "real", "real-standard")
    seeds = (1, 2, 3) if trained else (0,)
    total = images // len(classes) * len(seeds)
    shares = np.clip(top1 + 0.15 * np.cos(np.arange(len(classes)) * 2.1), 0.02, 0.99)
    by_class = {one: (round(total * share), total)
                for one, share in zip(classes, shares, strict=True)}  # fmt: skip
    worst = sorted(classes, key=lambda one: by_class[one][0])[: max(1, len(classes) // 10)]
    return Arm(
        stratum, name, (0,) if edits else (), seeds, interval(top1, 1.4 * sqrt(0.2 / images)),
        macro_top1=float(shares.mean()), worst_top1=float(shares.min()),
        worst_classes=tuple(worst), calibration_error=0.04 + 0.1 * abs(0.7 - top1),
        by_class=by_class, train_real=0 if name in ("feasible", "infeasible") else 240,
        train_edits=480 if edits else 0, steps=300 if trained else 0,
        chosen_steps=(200, 240, 300) if trained else (),
        validation_top1=top1 + 0.01 if trained else None,
        curves=tuple(
            tuple((float(step), top1 - 0.2 * 0.6 ** (step / 60) + 0.004 * seed)
                  for step in range(0, 301, 60))
            for seed in seeds
        ) if trained else (),
    )  # fmt: skip


def comparison(
    stratum: Stratum, question: str, pair: tuple[str, str], middle: float, *, images: int = 400,
    error: float = 0.004, primary: bool = False, holm: float | None = None,
) -> Comparison:  # fmt: skip
    found = interval(middle, 2.4 * error)
    p_value = min(1.0, 2.718 ** (-((middle / error) ** 2) / 2))
    p_holm = min(1.0, 6 * p_value) if holm is None else holm
    different = not found.spans_zero and p_holm < 0.05
    inside = -PLAN.margin < found.low and found.high < PLAN.margin
    verdict: Verdict = "equivalent" if inside else "different" if different else "inconclusive"
    side = "above" if middle > 0 else "below"
    return Comparison(
        stratum, *pair, question,
        Effect(middle, error, 4.2, IMAGES_AND_SEEDS, 1, 3, images), found, p_value, p_holm, verdict,
        side if different else "no winner",
        tuple(McNemar(round(images * (0.03 + max(0, middle))), round(images * 0.03), p_value)
              for _ in range(3)),
        interval(middle, 2.3 * error) if primary else None, 3.1 * error,
        None if error > 0.006 else 12, 18_400 if error > 0.006 else None, primary,
        family="primary" if primary else "other", family_size=2 if primary else 6,
        equal_steps=True, pairs=((7, 1), (7, 2), (7, 3)),
    )  # fmt: skip


def check(stratum: Stratum, name: str, pixel: float = 31.0) -> Check:
    feasible = {"feasible": 96, "infeasible": 4}.get(name.removeprefix("real+"), 50)
    return Check(
        stratum, name, 480, proportion(feasible, 100), proportion(88, 100), 0.81,
        proportion(93, 100), 0.62, pixel, 0.214, 0.33, 0.0, 0.17, 6.0, 4.2,
    )  # fmt: skip


def changes(found: Comparison, classes: Sequence[str], images: int) -> Iterator[ClassChange]:
    for at, one in enumerate(classes):
        middle = found.interval.estimate + 0.06 * float(np.sin(at * 1.7))
        p_value = min(1.0, 2.718 ** (-((middle / 0.02) ** 2)))
        yield ClassChange(
            found.stratum, found.arm, found.other, one, images // len(classes),
            interval(middle, 0.05), p_value, min(1.0, p_value * 4),
        )  # fmt: skip


def scaling(stratum: Stratum, name: str, top1: float) -> Scaling:
    points = tuple(
        (edits, interval(1 - (1 - top1) * (edits / 240) ** -0.12, 0.02))
        for edits in (240, 480, 960, 1920)
    )
    verdicts = dict(zip(CLASSES, ("easy", "scaling", "poor", "scaling") * 2, strict=True))
    return Scaling(stratum, name, points, interval(0.12, 0.07), verdicts)


def quickstart() -> Study:
    """Seven arms on three seeds, one data set: nothing varies."""
    bare = Stratum(trainee="clip-lora", augmentation="geometry")
    edited = replace(bare, attribute="all", schedule="mixed")
    place = {name: edited if "+" in name else replace(bare, attribute="all")
             if "feasible" in name else bare for name in QUICK}  # fmt: skip
    compared = tuple(
        comparison(place[one], question, (one, other), QUICK[one] - QUICK[other],
                   error=0.011, primary=at in (0, 5))
        for at, (question, one, other) in enumerate(COMPARED)
        if {one, other} <= QUICK.keys()
    )  # fmt: skip
    return Study(
        PLAN, tuple(arm(place[name], name, top1, 400, CLASSES) for name, top1 in QUICK.items()),
        compared,
        tuple(one for found in compared if found.primary for one in changes(found, CLASSES, 400)),
        checks=tuple(check(place[name], name) for name in QUICK if "feasible" in name),
        cells=19, test_images={"": 400}, tested=("pixel_change", "embedding_distance"),
        notes=("real+mixed, seed 3 answered 398 of 400 test images and is left out.",),
    )  # fmt: skip


GRID = {"zero-shot": 0.86, "real": 0.901, "real-standard": 0.903, "copy-real": 0.9,
        "feasible": 0.88, "infeasible": 0.879, "real+feasible": 0.911, "real+infeasible": 0.9105,
        "real+mixed": 0.9135, "real+unfiltered": 0.899, "real+unchanged": 0.9015,
        "real+bridged": 0.9}  # fmt: skip


def grid(sets: Mapping[str, int] | None = None, classes: int = 37) -> Study:
    """Three attributes on two data sets, each arm in each."""
    names = [f"class {at:03d}" for at in range(classes)]
    arms, compared, checks, scaled, confounds = [], [], [], [], []
    for number, (dataset, images) in enumerate((sets or {"pets": 3669, "aircraft": 3333}).items()):
        bare = Stratum(dataset, trainee="clip-lora", augmentation="geometry")
        for at, attribute in enumerate(("background", "color", "texture")):
            place = replace(bare, attribute=attribute, schedule="mixed")
            shift = 0.004 * (1 - at) - 0.15 * number
            for name, top1 in GRID.items():
                own = place if "+" in name or name.endswith("feasible") else bare
                if own is place or at == 0:
                    arms.append(arm(own, name, top1 + shift, images, names))
                if own is place and "feasible" in name:
                    checks.append(check(place, name, 31.0 + 12 * (at == 1 and "in" in name)))
            for step, (question, one, other) in enumerate(COMPARED):
                if at and "+" not in one:
                    continue
                middle = GRID[one] - GRID[other] - 0.006 * at * (question == "helps")
                compared.append(comparison(
                    place, question, (one, other), middle, images=images, primary=at == 0 and
                    step in (0, 5), error=0.0018 if question == "matters" else 0.0035,
                ))  # fmt: skip
            scaled += [scaling(place, name, GRID[name] + shift)
                       for name in ("real+feasible", "real+infeasible")]  # fmt: skip
        confounds.append(Confound(
            replace(bare, attribute="color", schedule="mixed"), "real+feasible", "real+infeasible",
            "pixel_change", 31.0, 43.0, 0.0004, -0.62, "infeasible edits change pixel values 39 % "
            "more than feasible ones (43.0 against 31.0 of 255): a difference between the trained "
            "arms may be the size of the edit.",
        ))  # fmt: skip
    return Study(
        PLAN, tuple(arms), tuple(compared),
        tuple(one for found in compared if found.primary for one in changes(found, names, 3669)),
        tuple(scaled), (), tuple(checks), tuple(confounds), cells=len(arms) * 3,
        test_images=sets or {"pets": 3669, "aircraft": 3333},
    )  # fmt: skip


def dataset(name: str, version: int = 1) -> DatasetFigures:
    """What is said of a drawn data set."""
    shown = confusion("Colours of drawn scenes", ["red", "red", "blue"], ["red", "blue", "blue"])
    manifest = Manifest.model_construct(name=name, version=version, dataset_hash="d" * 64)
    found = figures_of(manifest, Drawn(sources=2).items, masks=masked())
    return replace(found, confusions=(shown, *found.confusions))
