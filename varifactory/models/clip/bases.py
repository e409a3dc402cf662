"""From the name of a CLIP in a recipe to its checkpoint, in either library."""

from pathlib import Path

from varifactory.models.clip import open_clip, transformers_clip
from varifactory.models.clip.embedder import Base


def find_base(
    name: str, *, revision: str = "", sha256: str = "", key: str = "training.clip"
) -> Base:
    """The checkpoint that ``name`` means; nothing is loaded.

    Args:
        name: a built-in model; a folder of either library; ``<architecture>/<tag or file>`` of
            open_clip; ``hf-hub:org/name`` of open_clip; ``transformers:org/name`` or a folder.
        revision: of a hub's alone; a branch or tag is pinned to the commit it means now.
        sha256: of local weights alone; others are refused; empty for any.
        key: where the recipe has the name, for messages.

    Raises:
        ModelError: it cannot be found, or has no revision or hash to be given; the message says so.
    """
    if name.startswith(transformers_clip.PREFIX) or _is_folder_of_transformers(Path(name)):
        return transformers_clip.find_transformers(name, revision=revision, sha256=sha256, key=key)
    return open_clip.find_checkpoint(name, revision=revision, sha256=sha256, key=key)


def is_built_in(name: str) -> bool:
    """Whether ``name`` is a model of our own, which is small and stays on the CPU."""
    return "/" not in name and (open_clip.BUILT_IN / name / open_clip.CONFIG).is_file()


def _is_folder_of_transformers(path: Path) -> bool:
    return (path / transformers_clip.CONFIG).is_file() and not (path / open_clip.CONFIG).is_file()
