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
    if isinstance(part, Checkpoint):
        yield Path(part.name).expanduser()
    elif isinstance(part, str):
        yield Path(part).expanduser()
        # Of open_clip a file of weights stands behind its architecture.
        behind = Path(part.partition("/")[2]).expanduser()
        if behind.is_file():
            yield behind
    else:
        for name in type(part).model_fields:
            inner = getattr(part, name)
            if isinstance(inner, Part):
                yield from _places(inner)


def _hash(place: Path) -> str:
    try:
        named = place != Path()
        return files_hash(place.resolve()) if named and place.exists() else ""
    except (ModelError, OSError):
        return ""
