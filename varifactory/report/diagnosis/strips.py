"""Pictures of a diagnosis' page: which are shown, fetched together, small and inline."""

from collections.abc import Iterable, Mapping, Sequence

from varifactory.diagnosis.figures import Diagnosis, Flag, Seen
from varifactory.gallery.pictures import Pictures, Read
from varifactory.report.diagnosis.rows import Card
from varifactory.report.diagnosis.wording import figure

SHOWN = 8
"""Pictures of a strip."""
SHOWN_PAIRS = 10
"""Pairs of copies of a kind."""
BUDGET = 400
"""Pictures of the strips together, 8 KB each at most: the page stays under 4 MB. The table has all
flags, and the data name all images."""


def strips(cards: Sequence[Card]) -> dict[Flag, tuple[Seen, ...]]:
    """The images of every flag's strip; none where the page has enough."""
    found: dict[Flag, tuple[Seen, ...]] = {}
    left = BUDGET
    for card in cards:
        for flag in card.flags:
            found[flag] = flag.images[: min(SHOWN, left)]
            left -= len(found[flag])
    return found


def farthest(found: Diagnosis) -> list[Seen]:
    """The synthetic pictures with the least realism, each once."""
    least: dict[str, float] = {}
    for one in sorted(found.realism, key=lambda one: (one.realism, one.pixels)):
        least.setdefault(one.pixels, one.realism)
    return [Seen(pixels, "", f"realism {figure('realism', score)}")
            for pixels, score in list(least.items())[:SHOWN]]  # fmt: skip


class Shots:
    """Thumbnails by the pixels of an image; a user's own vectors have none, and it is named."""

    def __init__(self, blobs: Mapping[str, str], read: Read | None) -> None:
        """``blobs`` leads from pixels to PNGs in the store."""
        self._blobs = blobs if read else {}
        self._pictures = Pictures(read or _nothing, keep=True)

    def fetch(self, pixels: Iterable[str]) -> None:
        """Make ready what will be asked for."""
        self._pictures.fetch([self._row(one) for one in pixels], [])

    def __call__(self, pixels: str) -> tuple[str, str]:
        """Data URI and, where there is none, what stands in its place."""
        if not self._blobs.get(pixels):
            return "", pixels
        return self._pictures.image(self._row(pixels))

    def _row(self, pixels: str) -> dict[str, str]:
        return {"image_blob": self._blobs.get(pixels, "")}


def _nothing(name: str) -> bytes:
    raise KeyError(name)
