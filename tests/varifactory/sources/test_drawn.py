import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from varifactory.errors import SourceError
from varifactory.images import decode_mask, decode_png
from varifactory.recipe import Sources
from varifactory.sources import list_sources, read_sources
from varifactory.world import Scene, load_world, render

WORLD = {"classes": 3, "train": 12, "validation": 2, "test": 12}


def test_scenes_by_class_and_split(gather: Callable[..., Any]) -> None:
    result = gather(kind="world", size=48, world=WORLD)
    names = load_world().study_classes[:3]
    assert Counter((row["label"], row["split"]) for row in result.settled.usable()) == {
        (name, split): WORLD[split] for name in names for split in ("train", "validation", "test")
    }
    assert result.settled.notices == ()


def test_the_stored_truth_draws_the_picture_again(gather: Callable[..., Any]) -> None:
    result = gather(kind="world", size=48, world=WORLD)
    for made in result.made[::20]:
        truth = json.loads(made.row["truth"])
        assert truth.pop("caption")
        again = render(load_world(), Scene(**truth), 48)
        assert (decode_png(made.blobs["image_blob"]) == again.image).all()
        assert (decode_mask(made.blobs["truth_mask_blob"]) == again.mask).all()


def test_training_scenes_are_taken_in_the_usual_setting() -> None:
    settings = Sources(kind="world", world={**WORLD, "train": 40, "test": 40, "skew": 1.0}, size=32)
    listing = list_sources("s", settings)
    rows = [r for r in listing.planned if r["label"] == listing.class_names[0]]
    settings_seen: dict[str, set[str]] = {"train": set(), "test": set(), "validation": set()}
    for made in read_sources(rows, settings):
        settings_seen[made.row["split"]].add(json.loads(made.row["truth"])["background"])
    assert len(settings_seen["train"]) == 1
    assert len(settings_seen["test"]) > 2


def test_more_scenes_leave_the_others_as_they_are() -> None:
    few = list_sources("s", Sources(kind="world", world=WORLD))
    more = list_sources("s", Sources(kind="world", world={**WORLD, "classes": 4, "train": 20}))
    assert {row["key"] for row in few.planned} < {row["key"] for row in more.planned}
    other = list_sources("s", Sources(kind="world", world={**WORLD, "seed": 12}))
    assert not {row["key"] for row in few.planned} & {row["key"] for row in other.planned}


def test_classes_by_name() -> None:
    name = load_world().study_classes[-1]
    listing = list_sources("s", Sources(kind="world", world=WORLD, classes=(name,)))
    assert listing.class_names == (name,)
    with pytest.raises(SourceError, match="unicorn"):
        list_sources("s", Sources(kind="world", world=WORLD, classes=("unicorn",)))
    with pytest.raises(SourceError, match=r"sources\.world\.classes is 24"):
        list_sources("s", Sources(kind="world", world={**WORLD, "classes": 24}))
