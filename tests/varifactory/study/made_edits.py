"""Made tables of edits whose every difference between the sides is known."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from varifactory.embeddings import Embedded

WIDTH = 16
Row = dict[str, Any]


@dataclass(frozen=True)
class World:
    """How edits are made; every tuple is of the feasible and the infeasible side."""

    classes: int = 4
    sources: int = 15
    per_source: int = 2
    attributes: tuple[str, ...] = ("background", "color")
    strength: tuple[float, float] = (1.0, 1.0)
    """Factor on the size of an edit, in pixels and in the embedding."""
    seen: tuple[float, float] = (0.9, 0.9)
    pool: tuple[int, int] = (4, 4)
    """Prompts of a class and attribute."""
    refused: tuple[float, float] = (0.1, 0.1)
    judged: tuple[float, float] = (0.95, 0.05)
    """Chance that the judge calls an edit feasible."""
    dataset: str = "made"


SIDES = ("feasible", "infeasible")


def name_of(*parts: object) -> str:
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def made_rows(world: World, seed: int) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Items, and pixel hash -> vector."""
    dice = np.random.default_rng(seed)
    rows: list[Row] = []
    vectors: dict[str, np.ndarray] = {}
    for at in range(world.classes):
        label = f"class {at}"
        center = dice.normal(size=WIDTH)
        for number in range(world.sources):
            source = name_of(label, number)
            vector = center + 0.3 * dice.normal(size=WIDTH)
            vectors[f"{world.dataset}:{source}"] = vector / np.linalg.norm(vector)
            rows.append(_row("source", label, source, pixel_sha256=f"{world.dataset}:{source}"))
            own = dice.normal(0, 5)  # what the edits of one source share
            for attribute in world.attributes:
                for index in range(world.per_source):
                    rows += _pair(
                        world, dice, label, source, attribute, index, own, vector, vectors
                    )
    return rows, vectors


def _row(kind: str, label: str, source: str, **more: Any) -> Row:
    empty = dict.fromkeys((
        "attribute", "feasibility", "value", "prompt", "editor", "index", "attempt",
        "measured_value", "measured_class", "presence", "judged_feasibility", "change_inside",
        "region_share", "first_blob", "first_sha256",
    ))  # fmt: skip
    return {
        **empty, "kind": kind, "label": label, "source_key": source, "status": "ok", "reason": "",
        "split": "train", "paired": False, "forced": False, "key": name_of(kind, source),
        "image_blob": f"{name_of(source)}.png", **more,
    }  # fmt: skip


def _pair(world, dice, label, source, attribute, index, own, vector, vectors):
    pair = []
    share = dice.uniform(0.1, 0.5)
    for side, feasibility in enumerate(SIDES):
        key = name_of(source, attribute, index, feasibility)
        moved = vector + world.strength[side] * 0.3 * dice.normal(size=WIDTH)
        vectors[f"{world.dataset}:{key}"] = moved / np.linalg.norm(moved)
        value = f"{attribute} {feasibility} {dice.integers(world.pool[side])}"
        refused = bool(dice.random() < world.refused[side])
        pair.append(_row(
            "edit", label, source, key=key, pixel_sha256=f"{world.dataset}:{key}",
            attribute=attribute,
            feasibility=feasibility, value=value, prompt=f"a {label}, {value}", editor="compositor",
            index=index, attempt=0, status="rejected" if refused else "ok",
            measured_value=value if dice.random() < world.seen[side] else "other",
            measured_class=label if dice.random() < 0.9 else "another",
            presence=float(np.clip(dice.normal(world.seen[side], 0.1), 0, 1)),
            judged_feasibility=SIDES[int(dice.random() >= world.judged[side])],
            change_inside=world.strength[side] * max(1.0, 40 + own + dice.normal(0, 8)),
            region_share=share,
        ))  # fmt: skip
    whole = all(row["status"] == "ok" for row in pair)
    return [{**row, "paired": whole} for row in pair]


def embedded_of(vectors: dict[str, np.ndarray]) -> Embedded:
    """As the store would give them."""
    import pyarrow as pa

    return Embedded(pa.array(list(vectors), pa.string()),
                    np.stack(list(vectors.values())).astype(np.float32))  # fmt: skip
