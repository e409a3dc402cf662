"""Foreign images: those that another generator made, taken in beside a data set's real ones.

asked = Asked(place, name="theirs", beside="pets@3", generator="sd-xl")
taken = ingest(store, asked)                    a data set version of source and foreign items
lineage_of(store, taken.manifest)               item key -> what its generator was trained on

They become rows of the stage ``foreign`` and a version whose items are the source items of the data
set beside it and one item of kind ``foreign`` a file: so they are diagnosed and traded like edits.
"""

from varifactory.ingest.asking import Asked, IngestError
from varifactory.ingest.lineage import lineage_of
from varifactory.ingest.publishing import Ingested, ingest

__all__ = ["Asked", "IngestError", "Ingested", "ingest", "lineage_of"]
