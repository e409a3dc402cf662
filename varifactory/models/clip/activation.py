"""Which activation published weights of open_clip were trained with.

open_clip's architectures say GELU unless their name ends with ``-quickgelu``, OpenAI's weights want
QuickGELU whatever it says: open_clip 3.3 warns of that and then computes something else.
"""

import logging
import re

log = logging.getLogger(__name__)


def needs_quick_gelu(architecture: str, pretrained: str, weights: str, key: str) -> bool:
    """Whether QuickGELU must be forced on an architecture.

    A file whose hash is unknown keeps what its architecture says, with a warning where that could
    be wrong.

    Args:
        architecture: open_clip's name.
        pretrained: one of its tags, or a file.
        weights: sha256 of the file.
        key: of the recipe, for the warning.
    """
    import open_clip

    tag = open_clip.get_pretrained_cfg(architecture, pretrained)
    if tag:
        return bool(tag.get("quick_gelu", False))
    known = published(weights)
    if known is None and f"{architecture}-quickgelu" in open_clip.list_models():
        log.warning(
            "%s: the weights of %r are computed with GELU, as %s says; if they were trained with "
            "QuickGELU, as OpenAI's were, name %s-quickgelu",
            key, pretrained, architecture, architecture,
        )  # fmt: skip
    return bool(known)


def published(sha256: str) -> bool | None:
    """Whether published weights of this hash were trained with QuickGELU; None for others'.

    open_clip knows its downloads by the hash, or the beginning of it, in their addresses.
    """
    from open_clip.pretrained import _PRETRAINED

    for tags in _PRETRAINED.values():
        for tag in tags.values():
            parts = re.findall(r"[0-9a-f]{64}|(?<=-)[0-9a-f]{8}(?=\.pt)", tag.get("url", ""))
            if any(sha256.startswith(part) for part in parts):
                return bool(tag.get("quick_gelu", False))
    return None
