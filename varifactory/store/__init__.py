"""The store: everything the factory makes, named by its content, shared by a whole team.

    store.json                                 format version
    blobs/sha256/ab/<64 hex>.<ext>             images, masks, adapters; created once
    stages/<stage>/<spec>/part-<64 hex>.parquet  rows, named by content, never changed
    runs/<id>.json, runs/<id>/<name>           what a run was asked and what it learned
    datasets/<name>/<version>.json             created once, written last
    studies/<name>/plan-<64 hex>.json          what was settled before anything was trained
    studies/<name>/<version>.json              which cells were compared, created once
    studies/<name>/<version>/...               its report and the data behind it
    exports/<name>/<version>/...               galleries, cards, copies in other forms
    pins/<name>.json                           what people want to be kept
    gc/                                        lists of marks, and who collected what
    trash/<path>                               what was moved away and can still be put back

Blobs are written before the rows that name them, so a row can be trusted.
"""

from varifactory.store.collecting import Collected, Collecting
from varifactory.store.errors import (
    BlobCorrupt,
    BlobError,
    BlobLost,
    PartDamaged,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreMissing,
    StoreUnreachable,
    StoreUnsafe,
    VersionTaken,
)
from varifactory.store.findings import Finding, VerifyReport
from varifactory.store.manifest import Manifest, ManifestPart, dataset_hash
from varifactory.store.parts import PartRef
from varifactory.store.probe import Capabilities, Prepared
from varifactory.store.studies import StudyCell, StudyManifest, study_hash
from varifactory.store.usage import Usage, Used, Using
from varifactory.store.verify import Verified

__all__ = [
    "BlobCorrupt",
    "BlobError",
    "BlobLost",
    "Capabilities",
    "Collected",
    "Finding",
    "Manifest",
    "ManifestPart",
    "PartDamaged",
    "PartRef",
    "Store",
    "StoreDenied",
    "StoreError",
    "StoreFull",
    "StoreMissing",
    "StoreUnreachable",
    "StoreUnsafe",
    "StudyCell",
    "StudyManifest",
    "Usage",
    "Used",
    "VerifyReport",
    "VersionTaken",
    "dataset_hash",
    "study_hash",
]


class Store(Prepared, Verified, Collecting, Using):
    """A folder or an S3 prefix; opening it costs nothing and touches nothing.

    ``url`` is a folder (``./store``, ``/data/store``) or ``s3://bucket/prefix``, whose endpoint
    and credentials come from ``AWS_ENDPOINT_URL`` and the other ``AWS_*`` settings. A store is
    never passed between processes, only its ``url`` is.
    """
