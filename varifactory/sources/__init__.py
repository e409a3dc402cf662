"""Real, labelled images: the built-in drawn world, a folder of class folders, or a Parquet table.

listing = list_sources(spec, settings)       one listing, nothing read
made = read_sources(batch, settings)         bytes -> masters; only what is not yet stored
settled = settle(listing, rows, settings, spec)  keys, splits, duplicates
sample = few_shot(settled.rows, shots, seed)
"""

from varifactory.recipe import Sources
from varifactory.sources.drawn import list_world
from varifactory.sources.folder import list_folder
from varifactory.sources.listing import Listing, source_fields
from varifactory.sources.names import SPLITS, ClassNameError, class_name
from varifactory.sources.reading import read_sources
from varifactory.sources.settling import Sample, Settled, few_shot, settle, split_of
from varifactory.sources.table import list_table

__all__ = [
    "SPLITS",
    "ClassNameError",
    "Listing",
    "Sample",
    "Settled",
    "class_name",
    "few_shot",
    "list_sources",
    "read_sources",
    "settle",
    "source_fields",
    "split_of",
]


def list_sources(spec: str, settings: Sources) -> Listing:
    """What the recipe's place holds, without reading an image; see ``Listing``.

    Raises:
        SourceError: a place that is missing, unreadable, or holds nothing that can be used.
    """
    lists = {"world": list_world, "folder": list_folder, "table": list_table}
    return lists[settings.kind](spec, settings)
