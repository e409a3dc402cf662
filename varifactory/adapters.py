"""Adapters: LoRA of the generator on a few real shots, before it makes edits (DataDream).

One adapter a class, or one for the whole data set. Only real training images are shots, chosen by
their content; an image that is also a test image is refused.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from varifactory.errors import TrainingError
from varifactory.keys import item_key, seed_from, share
from varifactory.models import Pixels
from varifactory.models.tuning import Shot, Tuned, Tuner, TuningSettings
from varifactory.recipe import Adaptation, Recipe
from varifactory.runs.unmade import unmade_first
from varifactory.stages import Made, Row

OWN = frozenset({"scope", "shots", "seed", "template"})
"""Settings that single adapters are keyed by, through their shots, captions and seed."""
WHOLE = ""
"""Label of the adapter of a whole data set."""


def adapter_spec(recipe: Recipe, tuner: Tuner) -> dict[str, Any]:
    """What all adapters share: the generator they adapt, and how they are trained."""
    settings = recipe.adaptation.model_dump(mode="json", exclude=set(OWN))
    return {"tuner": dict(tuner.identity), "settings": settings}


def plan_adapters(
    spec: str, training: Sequence[Row], test: Sequence[Row], labels: Iterable[str], recipe: Recipe
) -> list[Row]:
    """One planned row a class of ``labels``, or one for all; shots by pixel hash, with captions.

    A class without training images is planned without shots, so that it is told as skipped.

    Raises:
        TrainingError: ``training`` holds an image of another split, or one that is a test image.
    """
    settings = recipe.adaptation
    _refuse_held_out(training, test)
    groups = _groups(training, sorted(set(labels)), settings)
    return [_planned(spec, label, rows, settings) for label, rows in groups.items()]


def _refuse_held_out(training: Sequence[Row], test: Sequence[Row]) -> None:
    for row in training:
        if row["split"] != "train":
            raise TrainingError(
                f"{row['uri']} is a {row['split']} image: a generator is adapted on training "
                "images alone"
            )
    for column, what in (("pixel_sha256", "pixels"), ("bytes_sha256", "bytes")):
        held_out = {row[column]: row["uri"] for row in test if row.get(column)}
        for row in training:
            if row.get(column) in held_out:
                raise TrainingError(
                    f"{row['uri']} has the same {what} as the test image "
                    f"{held_out[row[column]]}: a generator that has seen test images makes their "
                    "scores worthless; take it out of one of the splits"
                )


def _groups(
    training: Sequence[Row], labels: Sequence[str], settings: Adaptation
) -> dict[str, list[Row]]:
    shots = {
        label: choose_shots([row for row in training if row["label"] == label], settings)
        for label in labels
    }
    if settings.scope == "class":
        return shots
    return {WHOLE: [row for rows in shots.values() for row in rows]}


def choose_shots(training: Sequence[Row], settings: Adaptation) -> list[Row]:
    """Up to ``adaptation.shots`` images of one class, by content and seed, each picture once.

    More shots hold the fewer, and another image in the folder displaces at most one.
    """
    pictures = {str(row["pixel_sha256"]): row for row in training}
    salt = f"adaptation {settings.seed}"
    ordered = sorted(pictures, key=lambda pixels: (share(pixels, salt), pixels))
    return unmade_first(pictures[pixels] for pixels in ordered)[: settings.shots]


def _planned(spec: str, label: str, rows: Sequence[Row], settings: Adaptation) -> Row:
    shots = sorted([row["pixel_sha256"], caption(settings, row["label"])] for row in rows)
    return {
        "key": item_key(spec, scope=settings.scope, label=label, shots=shots, seed=settings.seed),
        "label": label,
        "scope": settings.scope,
        "shots": json.dumps(shots),
        "steps": settings.steps,
        "settings": json.dumps(settings.model_dump(mode="json"), sort_keys=True),
    }


def caption(settings: Adaptation, label: str) -> str:
    """The text beside a shot."""
    return settings.template.format(class_name=label)


def tune_adapters(
    rows: Sequence[Row], load: Callable[[str], Pixels], tuner: Tuner, settings: Adaptation
) -> list[Made]:
    """The adapters of planned rows; ``load`` gives the image of a pixel hash.

    An adapter without shots ends as a ``skipped`` row.

    Raises:
        TrainingError: the training of one failed; give one row at a time to lose no other.
        ModelError: the generator cannot be adapted at all.
    """
    return [_tuned(row, load, tuner, settings) for row in rows]


def _tuned(row: Row, load: Callable[[str], Pixels], tuner: Tuner, settings: Adaptation) -> Made:
    shots = [Shot(load(pixels), pixels, said) for pixels, said in json.loads(row["shots"])]
    if not shots:
        reason = (
            f"class {row['label']!r} has no training image to adapt the generator on: add some, "
            "or set adaptation.scope=dataset"
        )
        return Made({**row, "status": "skipped", "reason": reason})
    tuned = tuner.tune(shots, _settings(settings, [shot.pixel_sha256 for shot in shots]))
    measured = {
        "first_loss": mean_of(tuned.losses, first=True),
        "last_loss": mean_of(tuned.losses, first=False),
        "curve": _curve(tuned),
    }
    return Made({**row, **measured, "status": "ok", "reason": ""}, {"adapter_blob": tuned.adapter})


def _settings(settings: Adaptation, pixels: Sequence[str]) -> TuningSettings:
    # Every adapter has noise of its own: one noise for all classes would tie them together.
    seed = seed_from("adapter", settings.seed, *pixels)
    return TuningSettings(seed=seed, **settings.model_dump(exclude=set(OWN)))


def _curve(tuned: Tuned) -> str:
    found = {"loss": tuned.losses, "before": tuned.before, "after": tuned.after}
    return json.dumps({name: _rounded(value) for name, value in found.items()})


def _rounded(value: Any) -> Any:
    return [round(each, 6) for each in value] if isinstance(value, tuple) else round(value, 6)


def mean_of(losses: Sequence[float], *, first: bool) -> float:
    """Mean of the first or the last tenth of the steps, of one step at least."""
    count = max(1, len(losses) // 10)
    some = losses[:count] if first else losses[-count:]
    return sum(some) / len(some)


def by_class(rows: Sequence[Row], labels: Iterable[str]) -> dict[str, str]:
    """Class name -> blob of the adapter that its edits are made with; of ``ok`` rows alone."""
    blobs = {row["label"]: row["adapter_blob"] for row in rows if row["status"] == "ok"}
    found = {label: blobs.get(label, blobs.get(WHOLE)) for label in labels}
    return {label: blob for label, blob in found.items() if blob}


def album(training: Sequence[Row]) -> bytes:
    """Pixel hash -> blob of the images that may be shots, as a run object."""
    return json.dumps({row["pixel_sha256"]: row["image_blob"] for row in training}).encode()


def read_album(data: bytes) -> Mapping[str, str]:
    """The mapping of ``album``."""
    found: dict[str, str] = json.loads(data)
    return found


def shown(row: Row) -> dict[str, Any]:
    """A line of the table that people see."""
    fixed = json.loads(row["curve"] or "{}")
    return {
        "class": row["label"] or "all classes",
        "status": row["status"],
        "shots": len(json.loads(row["shots"])),
        "steps": row["steps"],
        "loss before": fixed.get("before"),
        "loss after": fixed.get("after"),
        "adapter": row["adapter_blob"],
        "reason": row["reason"],
    }
