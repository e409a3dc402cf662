"""The RGB of a colour by name, for a prior that is painted before any model sees the picture."""

from functools import cache

from PIL import ImageColor

from varifactory.models import InpaintingJob

RGB = tuple[int, int, int]
JOINTS = frozenset({"and", "with", "or", "on"})
"""Words between two colours, of which a flat prior could show only one."""


def rgb_of(job: InpaintingJob) -> RGB | None:
    """The colour that a job asks for: the catalog's ``paint.rgb``, else its value read as a name.

    None where neither tells. Names are those of CSS, then those of the XKCD colour survey (through
    matplotlib); of a longer name its longest ending that is one (``glossy dark teal``: dark teal).
    """
    value = job.attribute.values.get(job.value)
    written = value.paint.get("rgb") if value else None
    return _parsed(str(written)) if written else named(job.value)


def named(name: str) -> RGB | None:
    """The colour of a name, or of ``#rrggbb``; None for an unknown one or for two colours."""
    words = name.casefold().replace("-", " ").replace("grey", "gray").split()
    if JOINTS & set(words) or any(mark in name for mark in "/,&+"):
        return None
    endings = (" ".join(words[start:]) for start in range(len(words)))
    return next((found for ending in endings if (found := _known(ending))), None)


def _known(name: str) -> RGB | None:
    return _parsed(name.replace(" ", "")) or _surveyed().get(name)


def _parsed(text: str) -> RGB | None:
    try:
        found = ImageColor.getrgb(text)
    except ValueError:
        return None
    return (found[0], found[1], found[2])


@cache
def _surveyed() -> dict[str, RGB]:
    from matplotlib.colors import XKCD_COLORS

    return {
        name.removeprefix("xkcd:").replace("grey", "gray"): ImageColor.getrgb(code)[:3]
        for name, code in XKCD_COLORS.items()
    }
