"""What can go wrong with a store; every text names the place and what to do."""

from varifactory.errors import FactoryError


class StoreError(FactoryError):
    """A store, or something in it, that cannot be used as asked."""


class StoreMissing(StoreError):
    """The bucket, run, data set or export is not there."""


class StoreDenied(StoreError):
    """No permission, or credentials that the server refuses."""


class StoreUnreachable(StoreError):
    """The endpoint does not answer, or does not answer as an S3 server."""


class StoreFull(StoreError):
    """No space, quota or file size left; nothing half-written stays behind."""


class StoreUnsafe(StoreError):
    """The storage overwrites what should be created once."""


class BlobError(StoreError):
    """A blob that cannot be used; ``blob`` is its name, ``<sha256>.<ext>``."""

    def __init__(self, blob: str, text: str) -> None:
        super().__init__(text)
        self.blob = blob

    def __reduce__(self) -> tuple[type["BlobError"], tuple[str, str]]:
        return type(self), (self.blob, str(self))


class BlobLost(BlobError):
    """A blob that a row names and the store does not hold."""


class BlobCorrupt(BlobError):
    """A blob whose bytes are not those it is named after."""


class PartDamaged(StoreError):
    """A part that is gone, torn, changed, or not one of ours."""


class VersionTaken(StoreError):
    """A name that already holds something else: a data set version or a run."""
