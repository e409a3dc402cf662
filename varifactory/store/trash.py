"""What garbage collection moved away is still there for a grace period, and is put back if needed.

No storage can remove an object on the condition that nobody has come to need it meanwhile. So
nothing is removed at once: it is moved below ``trash/``, and whoever misses it there looks first.
"""

import hashlib
from contextlib import suppress

from varifactory.store import names
from varifactory.store.base import Opened
from varifactory.store.errors import StoreDenied


class Trash(Opened):
    """Objects that were moved away, by the path they had."""

    def put_back(self, path: str, sha: str) -> bytes | None:
        """Whole bytes from the trash, in their old place again where this role may write.

        None if they are not in the trash, or not those of this hash.
        """
        try:
            data = self.backend.read(names.trash(path))
        except FileNotFoundError:
            return None
        if hashlib.sha256(data).hexdigest() != sha:
            return None
        with suppress(StoreDenied):
            self.backend.put_once(path, data)
        return data
