"""What the judges of a run were told beside the pictures: kept with the run, read by its shards."""

import json
from typing import Any

from varifactory.store import Store
from varifactory.verdicts.planning import Choices

EXEMPLARS = "exemplars.json"
"""Run object: pixel hash, class name, mask hash and both blobs of the real training images that a
judge may learn its classes from."""
CHOICES = "choices.json"
"""Run object: what all edits of the run may show (``verdicts.Choices``)."""


def exemplars(store: Store, run: str) -> tuple[Any, ...]:
    """The exemplars that a run gave its judges, as ``registry.judge`` takes them.

    Raises:
        StoreMissing: the run judged nothing, or what it kept is gone.
    """
    return tuple(tuple(one) for one in json.loads(store.get_run_object(run, EXEMPLARS)))


def choices(store: Store, run: str) -> Choices:
    """The values and classes that a run let its judges choose from.

    Raises:
        StoreMissing: as above.
    """
    shown = json.loads(store.get_run_object(run, CHOICES))
    values = {name: tuple(found) for name, found in shown["values"].items()}
    return Choices(values, tuple(shown["class_names"]))
