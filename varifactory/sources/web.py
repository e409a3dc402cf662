"""Image addresses of the web, fetched so that none leads into the network the worker stands in.

A table is often somebody else's. An address in it could name this machine, a neighbour or a cloud's
metadata service, by a number, a name, or a redirect. So: https alone, every address that the name
stands for must be public, the connection goes to the very address that was checked (a name could
stand for another one a moment later), and no redirect is followed.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from varifactory.decoding import MAX_BYTES, ImageTooLarge
from varifactory.errors import SourceError
from varifactory.sources.names import shown

SECONDS = 30.0
"""For one image, from the name's look-up to its last byte."""
_PIECE = 2**16


class AddressRefused(SourceError):
    """An address that is not fetched, whatever is there."""


class NotFetched(SourceError):
    """An address that the recipe does not ask to fetch."""


def is_address(text: str) -> bool:
    """Whether a table's cell is an address rather than a path."""
    return "://" in text


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the internet, for anybody."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None,))[0]
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def fetch(
    url: str,
    *,
    permitted: Callable[[str], bool] = is_public,
    context: ssl.SSLContext | None = None,
    seconds: float = SECONDS,
    most: int = MAX_BYTES,
) -> bytes:
    """The bytes at an https address.

    Args:
        url: as the table has it.
        permitted: which numeric addresses may be connected to.
        context: whom to trust; by default whom this system trusts.
        seconds: for all of it.
        most: bytes.

    Raises:
        AddressRefused: another scheme, a login in it, a private address, or a redirect.
        ImageTooLarge: more bytes than ``most``.
        OSError: nobody answered in time, or not with an image's bytes.
    """
    until = time.monotonic() + seconds
    parts = _checked(url)
    host, port = str(parts.hostname), parts.port or 443
    address = _resolved(host, port, permitted, url)
    connection = _Pinned(host, port, address, seconds, context or ssl.create_default_context())
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Accept": "image/*", "User-Agent": "varifactory"})
        return _body(connection.getresponse(), url, until, most)
    except http.client.HTTPException as error:
        raise OSError(f"{shown(url)} answered no HTTP: {type(error).__name__}") from error
    finally:
        connection.close()


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused(f"{shown(url)} is no address: {error}") from None
    if parts.scheme != "https" or not parts.hostname:
        raise AddressRefused(f"{shown(url)} is not fetched: https:// addresses alone are")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(f"{shown(parts.hostname)} is not fetched: its address holds a login")
    if port == 0 or any(ord(sign) <= 32 or ord(sign) == 127 for sign in url):
        raise AddressRefused(f"{shown(url)} is no address that is fetched")
    return parts


def _resolved(host: str, port: int, permitted: Callable[[str], bool], url: str) -> str:
    """One numeric address of a name all of whose addresses are permitted."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    refused = [address for address in addresses if not permitted(address)]
    if refused or not addresses:
        raise AddressRefused(
            f"{shown(url)} is not fetched: {shown(host)} is {', '.join(refused) or 'nowhere'}, "
            "which is no public address"
        )
    return addresses[0]


class _Pinned(http.client.HTTPSConnection):
    """A connection to a checked address; the certificate must be of the name all the same."""

    def __init__(
        self, host: str, port: int, address: str, seconds: float, context: ssl.SSLContext
    ) -> None:
        super().__init__(host, port, timeout=seconds, context=context)
        self._address, self._trust = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        try:
            self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _body(answer: http.client.HTTPResponse, url: str, until: float, most: int) -> bytes:
    if 300 <= answer.status < 400:
        raise AddressRefused(f"{shown(url)} sends elsewhere ({answer.status}): name that address")
    if answer.status != http.client.OK:
        raise OSError(f"{shown(url)} answered {answer.status}")
    data = bytearray()
    while piece := answer.read1(_PIECE):
        data += piece
        if len(data) > most:
            raise ImageTooLarge(f"{shown(url)} is larger than {most} bytes: shrink it")
        if time.monotonic() > until:
            raise TimeoutError(f"{shown(url)} took too long")
    return bytes(data)
