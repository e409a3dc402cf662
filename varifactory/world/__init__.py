"""The built-in drawn world: labelled pictures with exact masks, attributes and feasibility.

It needs no download and gives every stage a truth to be measured against. What is learned on it
is a check of the machinery, not a finding about photographs.
"""

from varifactory.world.rendering import Rendered, render, render_empty
from varifactory.world.scenes import Scene, caption, sample_scene
from varifactory.world.tables import ATTRIBUTES, ObjectClass, World, load_world, parse_world

__all__ = [
    "ATTRIBUTES",
    "ObjectClass",
    "Rendered",
    "Scene",
    "World",
    "caption",
    "load_world",
    "parse_world",
    "render",
    "render_empty",
    "sample_scene",
]
