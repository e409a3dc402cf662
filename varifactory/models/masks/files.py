"""The one file of weights among those that a checkpoint brings."""

from collections.abc import Collection
from pathlib import Path

from varifactory.errors import ModelError
from varifactory.models.checkpoints import Found, local_folder


def weights_file(found: Found, file: str, endings: Collection[str], key: str) -> Path:
    """Where the weights are on this machine; a hub's are downloaded once.

    Args:
        found: which checkpoint.
        file: name inside its folder; empty: the only one with one of ``endings``.
        endings: of files that hold weights, with the dot.
        key: of ``file`` in the recipe, for messages.

    Raises:
        ModelError: none or several, or not the ones that the run was planned with.
    """
    place = local_folder(found, [file, "config.json"] if file else None)
    if place.is_file():
        if place.suffix not in endings:
            raise ModelError(f"{found.key}.name {place} is not one of {_said(endings)}")
        return place
    if file:
        if (place / file).is_file():
            return place / file
        raise ModelError(f"{key} {file!r} is not among the files of {found.place}")
    files = sorted(each for each in place.rglob("*") if each.suffix in endings)
    if len(files) == 1:
        return files[0]
    names = ", ".join(each.relative_to(place).as_posix() for each in files[:8])
    raise ModelError(
        f"{found.key}.name {found.place} holds {len(files)} files with weights "
        f"({_said(endings)}{': ' + names if names else ''}): "
        + (f"name one with {key}" if files else "name the folder or file that has them")
    )


def _said(endings: Collection[str]) -> str:
    return ", ".join(sorted(endings))
