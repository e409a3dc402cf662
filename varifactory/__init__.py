"""The library of the factory: what is made, without the engine that schedules it.

Reading a shared data set needs only this package:

    from varifactory import open_dataset
    for edit in open_dataset("s3://team/store", "quickstart"):
        edit.image().show()
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from varifactory.datasets import Dataset, open_dataset
    from varifactory.recipe import Recipe
    from varifactory.store import Store

__version__ = "0.1.0"
__all__ = ["Dataset", "Recipe", "Store", "__version__", "open_dataset"]

_HOMES = {
    "Dataset": "varifactory.datasets",
    "open_dataset": "varifactory.datasets",
    "Recipe": "varifactory.recipe",
    "Store": "varifactory.store",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that commands start without what they do not need."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
