"""What lies at the local places that a recipe names.

Models are built once a process, by what the recipe says of them. A process outlives a checkpoint
that is replaced under the same path; told what lies there now, it builds anew.
"""

from collections.abc import Iterator
from pathlib import Path

from varifactory.errors import ModelError
from varifactory.models.weight_hashes import files_hash
from varifactory.recipe import Checkpoint
from varifactory.recipe.part import Part


def local_weights(*named: Part | str) -> tuple[str, ...]:
    """Hashes of the weights at the local places that parts of a recipe, or names, mean.

    What cannot be read has an empty one: who builds the model tells what is wrong with it.
    """
    return tuple(_hash(place) for part in named for place in _places(part))


def _places(part: Part | str) -> Iterator[Path]:
    if isinstance(part, str):
        # Of open_clip a file of weights stands behind its architecture.
        yield from (Path(name).expanduser() for name in (part, part.partition("/")[2]) if name)
    elif isinstance(part, Checkpoint):
        yield from _places(part.name)
    else:
        for name in type(part).model_fields:
            inner = getattr(part, name)
            if isinstance(inner, Part):
                yield from _places(inner)


def _hash(place: Path) -> str:
    try:
        return files_hash(place.resolve()) if place.exists() else ""
    except (ModelError, OSError):
        return ""
