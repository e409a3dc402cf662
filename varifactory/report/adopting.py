"""The page of a diagnosis or an exchange rate that stands as it would be made again is adopted."""

from varifactory import __version__
from varifactory.keys import digest
from varifactory.store import Manifest, Store
from varifactory.store.instruments import InstrumentPlan, rests_on

GALLERY = "gallery/index.html"


def adopted(store: Store, manifest: Manifest, plan: InstrumentPlan, page: str) -> str:
    """Where the page of a plan lies, if it is what would be made now; else empty.

    Args:
        store: where it lies.
        manifest: of the version that it is of.
        plan: as it would be counted.
        page: its file name.

    Raises:
        StoreError: a part of what it compares cannot be read.
    """
    place, folder = (plan.name, plan.version), f"{plan.folder}/{plan.hash12}"
    if not {page, f"{page}.key"} <= set(store.export_files(*place, folder)):
        return ""
    if store.get_export(*place, f"{folder}/{page}.key") != mark(store, manifest, plan):
        return ""
    return store.export_path(*place, f"{folder}/{page}")


def remember(store: Store, plan: InstrumentPlan, page: str, made_of: bytes) -> None:
    """Keep beside a page what it was made of, as ``mark`` told it before it was counted."""
    path = f"{plan.folder}/{plan.hash12}/{page}.key"
    store.put_export(plan.name, plan.version, path, made_of)


def mark(store: Store, manifest: Manifest, plan: InstrumentPlan) -> bytes:
    """A hash of all that decides what the page of a plan shows.

    That is the plan, but for when it was written; the version of varifactory, which counts and
    draws; the data set version; each row that is counted, by when it was made, so that what was
    made again is counted again; and what the page leads to: the store and the gallery.

    Raises:
        StoreError: a part of what it compares cannot be read.
    """
    rows = []
    for each in rests_on(store, plan):
        found = each.there(store).sort_by(each.column)
        made_at = [str(one) for one in found["made_at"].to_pylist()]
        rows.append([each.stage, each.spec, found[each.column].to_pylist(), made_at])
    return digest([
        __version__, manifest.dataset_hash, {**plan.told, "made_at": ""}, rows,
        store.backend.show(""), has_gallery(store, manifest),
    ]).encode()  # fmt: skip


def has_gallery(store: Store, manifest: Manifest) -> bool:
    """Whether a data set version has a gallery beside it."""
    folder, _, name = GALLERY.rpartition("/")
    return name in store.export_files(manifest.name, manifest.version, folder)
