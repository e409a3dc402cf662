"""Foreign images: those that another generator made, taken in beside a data set's real ones.

asked = Asked(place, name="theirs", beside="pets@3", generator="sd-xl")    ingest.asking
taken = ingest(store, asked)       a version of source and foreign items   ingest.publishing
lineage_of(store, taken.manifest)  item key -> what its generator saw      ingest.lineage

They become rows of the stage ``foreign`` and a version whose items are the source items of the data
set beside it and one item of kind ``foreign`` a file: so they are diagnosed and traded like edits.
"""
