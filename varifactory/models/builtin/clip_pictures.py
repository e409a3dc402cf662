"""Pictures for the small CLIP: drawn scenes whose attributes say nothing of the class."""

import argparse
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.keys import digest, seed_from
from varifactory.models.builtin.cards import world_hash
from varifactory.models.clip.pictures import prepare
from varifactory.world import Scene, World, render

MASTER = 96
"""Side of the world's masters, pixels; the tower takes 64."""
NAMED_SHARE = 0.4
"""Of the pictures show a class that has a name; the others an invented one."""
Pictures = NDArray[np.uint8]
Masks = NDArray[np.bool_]


def class_numbers(arguments: argparse.Namespace, named: int, every: int) -> NDArray[np.int64]:
    """Which class each picture shows: ``NAMED_SHARE`` of them one of the first ``named``."""
    random = np.random.default_rng(arguments.seed)
    with_name = random.random(arguments.images) < NAMED_SHARE
    own = random.integers(0, named, arguments.images)
    invented = random.integers(named, every, arguments.images)
    labels: NDArray[np.int64] = np.where(with_name, own, invented)
    return labels


def scene_of(world: World, class_name: str, seed: int, index: int) -> Scene:
    """A scene whose colour, texture and background say nothing of the class."""
    own = seed_from("small-clip", seed, index) >> 10
    random = np.random.default_rng(own)
    color, texture, background = (
        values[int(random.integers(len(values)))]
        for values in map(world.values, ("color", "texture", "background"))
    )
    return Scene(class_name, color, texture, background, own)


def drawn(world: World, scenes: list[Scene]) -> tuple[Pictures, Masks]:
    """Pictures (n, 3, 64, 64) and masks (n, 32, 32); kept in the temporary folder between runs."""
    probe = hashlib.sha256(render(world, scenes[0], MASTER).image.tobytes()).hexdigest()
    name = digest([world_hash(), probe, [[s.class_name, s.seed] for s in scenes]])[:16]
    kept = Path(tempfile.gettempdir()) / f"small-clip-{name}.npz"
    if not kept.is_file():
        rendered = [render(world, each, MASTER) for each in scenes]
        partial = kept.with_suffix(f".{os.getpid()}.npz")
        np.savez(
            partial,
            pictures=np.stack([prepare(each.image, 64, 64) for each in rendered]),
            masks=np.stack([each.mask.reshape(32, 3, 32, 3).mean((1, 3)) >= 0.5
                            for each in rendered]),
        )  # fmt: skip
        partial.replace(kept)
    with np.load(kept) as found:
        return found["pictures"], found["masks"]


def patch_parts(regions: Masks) -> Any:
    """Masks (n, 32, 32) as (n, 64 patches, 16 parts), row by row as the tower reads them."""
    import torch

    split = regions.reshape(len(regions), 8, 4, 8, 4).transpose(0, 1, 3, 2, 4)
    return torch.from_numpy(split.reshape(len(regions), 64, 16).astype(np.float32))


def jittered(
    pictures: Pictures, masks: Masks, random: np.random.Generator
) -> tuple[Pictures, Masks]:
    """Flips, shifts of up to 6 pixels, and mild casts of colour; masks move along."""
    flipped = random.random(len(pictures)) < 0.5
    shifts = random.integers(0, 7, (len(pictures), 2))
    casts = random.uniform(0.85, 1.15, (len(pictures), 3, 1, 1)).astype(np.float32)
    found, moved = np.empty_like(pictures), np.empty_like(masks)
    for row, (down, right) in enumerate(shifts):
        turn = slice(None, None, -1 if flipped[row] else 1)
        wide = np.pad(pictures[row][:, :, turn], ((0, 0), (6, 6), (6, 6)), mode="edge")
        found[row] = wide[:, 2 * down : 2 * down + 64, 2 * right : 2 * right + 64]
        region = np.pad(masks[row][:, turn], 3, mode="edge")
        moved[row] = region[down : down + 32, right : right + 32]
    return (found * casts).clip(0, 255).astype(np.uint8), moved


def cut_out(
    pictures: Pictures, masks: Masks, share: float, random: np.random.Generator
) -> Pictures:
    """With probability ``share`` each picture loses its surroundings to one random colour."""
    fine = masks.repeat(2, axis=1).repeat(2, axis=2)[:, None]
    flat = random.integers(0, 256, (len(pictures), 3, 1, 1), dtype=np.uint8)
    chosen = (random.random(len(pictures)) < share)[:, None, None, None]
    return np.where(chosen & ~fine, flat, pictures)
