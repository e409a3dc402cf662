"""The built-in world as a source: each scene is planned by name and drawn only if missing.

The split is part of a scene's identity: training scenes are taken in the usual setting of their
class with the probability ``skew`` (few photographs of a thing show it elsewhere), validation and
test scenes never are.
"""

import dataclasses
import hashlib
import json
from importlib import resources

from varifactory.errors import SourceError
from varifactory.keys import digest, seed_from
from varifactory.recipe import Sources
from varifactory.sources.listing import Draft, Listing
from varifactory.sources.names import SPLITS
from varifactory.stages import Row
from varifactory.world import Rendered, Scene, World, caption, load_world, render, sample_scene


def list_world(spec: str, settings: Sources) -> Listing:
    """The scenes that the recipe asks for; nothing is drawn.

    Raises:
        SourceError: a class that is not among the study classes of the world.
    """
    draft = Draft(spec, settings)
    stamp = digest([_world_hash(), settings.world.seed, settings.world.skew, settings.size])
    for name in _class_names(load_world(), settings):
        draft.name(name)
        for split in SPLITS:
            for number in range(getattr(settings.world, split)):
                draft.plan(f"world://{name}/{split}/{number:05d}", 0, stamp, name, split)
    return draft.finish("the built-in world")


def scene_of(world: World, row: Row, settings: Sources) -> Scene:
    """The scene that a planned row names."""
    split = str(row["split"])
    number = int(str(row["uri"]).rsplit("/", 1)[-1])
    return sample_scene(
        world,
        seed_from(settings.world.seed, row["label"], split, number),
        class_name=str(row["label"]),
        skew=settings.world.skew if split == "train" else 0.0,
    )


def draw(row: Row, settings: Sources) -> tuple[Rendered, str]:
    """The picture with its exact mask, and what is known of it as JSON (scene and caption)."""
    world = load_world()
    scene = scene_of(world, row, settings)
    return render(world, scene, settings.size), _told(world, scene)


def truth_of(row: Row, settings: Sources) -> str:
    """What is known of the picture that a planned row names, before it is drawn."""
    world = load_world()
    return _told(world, scene_of(world, row, settings))


def _told(world: World, scene: Scene) -> str:
    truth = {**dataclasses.asdict(scene), "caption": caption(world, scene)}
    return json.dumps(truth, ensure_ascii=False)


def _class_names(world: World, settings: Sources) -> tuple[str, ...]:
    known = world.study_classes
    if not settings.classes:
        if settings.world.classes > len(known):
            raise SourceError(
                f"sources.world.classes is {settings.world.classes}; the world has {len(known)}"
            )
        return known[: settings.world.classes]
    strange = [name for name in settings.classes if name not in known]
    if strange:
        raise SourceError(f"sources.classes names {strange}; the world has {', '.join(known)}")
    return settings.classes


def _world_hash() -> str:
    data = resources.files("varifactory.catalog").joinpath("world.yaml").read_bytes()
    return hashlib.sha256(data).hexdigest()
