"""What every side of a store shares: its URL and its storage."""

from typing import NoReturn

from varifactory.store.backend import open_backend


class Opened:
    """A store's URL and the storage behind it; nothing is touched yet."""

    def __init__(self, url: str) -> None:
        self.url = str(url)
        self.backend = open_backend(self.url)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.backend.show('').rstrip('/')!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a store never travels between processes: pass its url and open it there")
