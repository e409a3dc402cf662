"""Edits: which change is asked of which image, made, pasted back, measured and gated."""

from varifactory.edits.gate import gate, gates, nearest, perceptual_hashes
from varifactory.edits.making import (
    Drawn,
    Edge,
    Selective,
    draw_edits,
    edges_of,
    finish_edits,
    make_edits,
)
from varifactory.edits.planning import SETTINGS, Wish, edit_spec, plan_edits, plan_unchanged
from varifactory.pasting import feathered, measure, paste_back, region_of

__all__ = [
    "SETTINGS", "Drawn", "Edge", "Selective", "Wish", "draw_edits", "edges_of", "edit_spec",
    "feathered", "finish_edits", "gate", "gates", "make_edits", "measure", "nearest", "paste_back",
    "perceptual_hashes", "plan_edits", "plan_unchanged", "region_of",
]  # fmt: skip
