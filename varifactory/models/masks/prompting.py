"""What a promptable segmenter is shown the object with: a box or a point, and who says where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from varifactory.models import Identity, Pixels, Region

Box = tuple[int, int, int, int]
"""Left, top, right, bottom; pixels."""
Point = tuple[int, int]
"""x, y; pixels."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One place to look at: a box, or a point where there is none."""

    box: Box | None = None
    point: Point | None = None
    score: float | None = None
    """How sure its finder is that the object is there, 0 to 1; None where it was not looked for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The prompts of one image; ``note`` tells why there are none."""

    prompts: tuple[Prompt, ...]
    note: str = ""


class Pointer(Protocol):
    """Says where to look."""

    method: str
    several: bool
    """Whether it may show more than one place."""

    @property
    def identity(self) -> Identity:
        """The fields that it adds to the segmenter's, ``reads_class_name`` among them."""
        ...

    def show(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Shown]: ...


class Promptable(Protocol):
    """Draws masks where it is shown to."""

    method: str

    @property
    def identity(self) -> Identity: ...

    def draw(
        self, images: Sequence[Pixels], shown: Sequence[Shown], *, multimask: bool
    ) -> list[list[tuple[Region, float, Prompt]]]:
        """Masks an image with their predicted IoU: one a prompt, or three with ``multimask``."""
        ...


class Middle:
    """Where the object of a labelled picture most likely is, without looking."""

    several = False

    def __init__(self, what: Literal["box", "point"]) -> None:
        self._what = what
        self.method = f"middle-{what}"

    @property
    def identity(self) -> Identity:
        return {"prompt": f"middle {self._what}", "reads_class_name": False}

    def show(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Shown]:
        del class_names
        return [Shown((self._prompt(image),)) for image in images]

    def _prompt(self, image: Pixels) -> Prompt:
        if self._what == "box":
            return Prompt(box=middle_box(image))
        return Prompt(point=(image.shape[1] // 2, image.shape[0] // 2))


def middle_box(image: Pixels) -> Box:
    """The middle four fifths."""
    height, width = image.shape[:2]
    return (width // 10, height // 10, width - width // 10, height - height // 10)
