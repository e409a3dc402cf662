"""Where a model is asked, as far as it tells what is asked."""

from urllib.parse import urlsplit

from varifactory.keys import digest

USUAL = {"http": ":80", "https": ":443"}
"""Ports that an address may leave out."""


def server_of(base_url: str | None) -> dict[str, str]:
    """The part of an identity that names a server of one's own; empty for the model's usual one.

    One model name at two servers is two models: nobody says that both hold the same weights. Of
    the address only a hash is kept, without user, password and query, so that a new key or token
    asks nobody again and none is written down.
    """
    if not base_url:
        return {}
    parts = urlsplit(base_url.strip())
    scheme, place = parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()
    place = place.removesuffix(USUAL.get(scheme, ":"))
    return {"server": digest([scheme, place, parts.path.rstrip("/")])}
