"""Jobs on drawn pictures."""

from dataclasses import replace

from varifactory.catalog import load_catalog
from varifactory.models import InpaintingJob
from varifactory.pasting import feathered, region_of
from varifactory.world import load_world, render, sample_scene

SETTINGS = {"strength": 0.9, "steps": 3, "guidance": 4.0, "alpha": 0.5, "image_scale": 0.6,
            "dilate": 120}  # fmt: skip


def job(number: int, attribute: str, value: str, side: int = 32, **changed) -> InpaintingJob:
    """An edit of a drawn picture; a value that is not the catalog's is its own phrase."""
    world, entry = load_world(), load_catalog().attribute(attribute)
    scene = sample_scene(world, number, classes=world.study_classes)
    drawn = render(world, scene, side)
    known = entry.values.get(value)
    made = InpaintingJob(
        image=drawn.image,
        object_mask=drawn.mask,
        region=feathered(region_of(drawn.mask, entry.region), 1.0) > 0,
        class_name=scene.class_name,
        attribute=entry,
        value=value,
        prompt=entry.render(number, scene.class_name, known.phrase if known else value),
        seed=number,
        settings=SETTINGS,
    )
    return replace(made, **changed)
