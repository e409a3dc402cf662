"""Attributes as data: what can be changed, to which values, in which words, by which editors."""

from varifactory.catalog.attribute import Attribute, Catalog, Value, load_catalog
from varifactory.catalog.taxonomy import Pools, Taxonomy, load_taxonomy

__all__ = [
    "Attribute",
    "Catalog",
    "Pools",
    "Taxonomy",
    "Value",
    "load_catalog",
    "load_taxonomy",
]
