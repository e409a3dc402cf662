"""A class of which nothing was made."""

from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.raising import raised


def nothing_made(one: Examined) -> Flag:
    """The flag of a class without synthetic images, which no measure can be of."""
    return raised(one, "nothing", {}, (), ())
