"""The inpainting stage against a bare loop of diffusers with the same weights and settings."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from bench.gpu.building import save_sdxl
from bench.gpu.editing_ways import Bare, Sizes, Stage, recipe_for
from bench.gpu.measuring import (
    Busy,
    Figures,
    Times,
    Way,
    counted_flops,
    held,
    most_held,
    nominal_flops,
    peak_flops,
    rounds,
    seconds,
)
from varifactory.models import Region, accelerator

FULL = Sizes()
TINY = Sizes(
    side=64, steps=2, guidance=3.0, batch=2, images=4, repeats=1, dtype="float32", matrix=512
)
BARE, PLAIN, FAST = "bare", "stage", "stage with speed settings"
SPEED = ("run.compile=true", "run.channels_last=true")
AS_IS, SPEEDY = 0.98, 1.5
"""Goals: shares of the bare loop's rate without and with the speed settings."""
ROOFLINE = 0.5
WAITING = 0.02
MEAN, LARGEST = 1.0, 32.0
"""Levels of 255 by which the speed settings may change pixels on the average, and one: rounding
in bfloat16, carried through all steps."""
RIM = 4
"""Pixels; the recipe's feather reaches less far."""


def main(figures: Figures, place: Path, sizes: Sizes) -> None:
    """Build, warm up, measure the ways in turn, compare their pixels."""
    device, folder = figures.device, place / "sdxl"
    save_sdxl(folder, figures.size, device, sizes.dtype)
    accelerator.release()
    before = held(device)
    bare = Bare(folder, device, sizes)
    plain = Stage(recipe_for(folder, device, sizes), place / "plain", sizes)
    fast = Stage(recipe_for(folder, device, sizes, *SPEED), place / "fast", sizes)
    ways: dict[str, Bare | Stage] = {BARE: bare, PLAIN: plain, FAST: fast}
    if not sizes.speedy:
        del ways[FAST]
    plain.prepare()
    bare.take(plain)
    for name in list(ways):
        ways[name].prepare()
        if not warm_up(figures, name, ways[name], before, sizes):
            del ways[name]
        before = held(device)
    times = rounds(device, sizes.repeats, ways)
    tell_rates(figures, sizes, times)
    tell_roofline(figures, sizes, times, flops_an_image(bare, sizes))
    tell_waiting(figures, plain, sizes)
    tell_pixels(figures, plain, {name: ways[name] for name in (BARE, FAST) if name in ways})


def warm_up(figures: Figures, name: str, way: Way, before: int, sizes: Sizes) -> bool:
    """The first pass, and the most memory it takes; False where the way cannot be gone."""
    began = time.perf_counter()
    try:
        peak = most_held(figures.device, way.run, before)
    except Exception as error:
        if name != FAST:
            raise
        # Compiling needs a compiler of C on this machine; the other figures are worth having.
        figures.show(f"inpainting, {name}: first pass", None, "s", 0, note=str(error)[-300:])
        return False
    figures.show(f"inpainting, {name}: first pass", time.perf_counter() - began, "s",
                 sizes.images, memory_gib=peak,
                 note="loading (not of the bare loop) and compiling included; memory of the card "
                 "at most, the way's weights included")  # fmt: skip
    return True


def tell_rates(figures: Figures, sizes: Sizes, times: Mapping[str, Times]) -> None:
    """Images a second of each way, and shares of the bare loop's."""
    settings: dict[str, Any] = {"side": sizes.side, "steps": sizes.steps, "batch": sizes.batch,
                "dtype": sizes.dtype}  # fmt: skip
    for name, found in times.items():
        figures.show(f"inpainting, {name}", sizes.images / found.median, "images/s", sizes.images,
                     each=found.rates(sizes.images), **settings)  # fmt: skip
    base = times[BARE].median
    for name, goal in ((PLAIN, AS_IS), (FAST, SPEEDY)):
        if name not in times:
            continue
        figures.show(f"inpainting, {name} against the bare loop", base / times[name].median,
                     "times", sizes.images, goal=goal, **settings)  # fmt: skip


def flops_an_image(bare: Bare, sizes: Sizes) -> float:
    """Operations of one edit, counted in one and two steps and drawn out to all."""
    one = counted_flops(lambda: bare.one(1))
    step = counted_flops(lambda: bare.one(2)) - one
    return one + (sizes.steps - 1) * step


def tell_roofline(figures: Figures, sizes: Sizes, times: Mapping[str, Times], flops: float) -> None:
    """Share of what the card could do, measured by a product of matrices, and by its data sheet."""
    peak = peak_flops(figures.device, sizes.dtype, sizes.matrix)
    nominal = nominal_flops(figures.device)
    figures.show("product of matrices", peak / 1e12, "TFLOP/s", 5, side=sizes.matrix,
                 dtype=sizes.dtype, nominal=nominal and nominal / 1e12)  # fmt: skip
    figures.show("inpainting: operations", flops / 1e12, "TFLOP/image", 1,
                 note="of the bare loop; counted by torch.utils.flop_counter")  # fmt: skip
    for name, found in times.items():
        rate = flops * sizes.images / found.median
        figures.show(f"inpainting, {name}: share of the roofline", rate / peak, "share",
                     sizes.images, goal=ROOFLINE, of_nominal=nominal and round(rate / nominal, 4),
                     )  # fmt: skip


def tell_waiting(figures: Figures, stage: Stage, sizes: Sizes) -> None:
    """Share of a pass in which no network computes."""
    busy = Busy(figures.device)
    stage.prepare()
    with busy.watching(stage.networks()):
        wall = seconds(figures.device, stage.run)
    figures.show("inpainting, stage: card waits", 1 - busy.seconds() / wall, "share",
                 sizes.images, goal=WAITING,
                 note="outside the networks' forward passes; schedule and guidance count as "
                 "waiting, and so does the end of the one shard")  # fmt: skip


def tell_pixels(figures: Figures, plain: Stage, others: Mapping[str, Bare | Stage]) -> None:
    """How far the ways' pixels are apart well inside the regions, in levels of 255."""
    edits = plain.made()
    inside = {row["key"]: well_inside(region) for row, _, region in plain.inputs()}
    contrast = np.mean([edits[key][region].std() for key, region in inside.items()])
    told: dict[str, Any] = {"n": len(edits), "contrast": round(float(contrast), 2)}
    for name, other in others.items():
        made = other.made()
        apart = [
            np.abs(edits[key][region].astype(int) - made[key][region])
            for key, region in inside.items()
        ]
        figures.show(f"inpainting, {name}: pixels apart from the stage's, mean",
                     float(np.mean([each.mean() for each in apart])), "levels of 255",
                     goal=MEAN, **told)  # fmt: skip
        figures.show(f"inpainting, {name}: pixels apart from the stage's, largest",
                     float(max(each.max() for each in apart)), "levels of 255",
                     goal=LARGEST, **told)  # fmt: skip


def well_inside(region: Region) -> Region:
    """The region without its rim, where the source is mixed in."""
    rim = Image.fromarray(region.astype(np.uint8)).filter(ImageFilter.MinFilter(2 * RIM + 1))
    return np.asarray(rim) > 0
