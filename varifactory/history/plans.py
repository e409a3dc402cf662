"""Which of several diagnoses or exchange rates of a data set version is meant."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from varifactory.errors import FactoryError


class Hashed(Protocol):
    """A plan that lies beside a version under the beginning of its hash."""

    @property
    def hash12(self) -> str: ...


Plan = TypeVar("Plan", bound=Hashed)


def meant(plans: Sequence[Plan], start: str, what: str, error: type[FactoryError]) -> Plan:
    """The first plan, or the one whose hash begins with ``start``.

    Args:
        plans: at least one, the newest first.
        start: as a user gave it; may be empty.
        what: what they are of, for messages: ``diagnoses of pets@3``.
        error: what is raised.

    Raises:
        FactoryError: ``start`` names none or several.
    """
    fitting = [plan for plan in plans if plan.hash12.startswith(start)]
    if not fitting or (start and len(fitting) > 1):
        raise error(
            f"{start!r} names {len(fitting)} of the {len(plans)} {what}: give one of "
            f"{', '.join(plan.hash12 for plan in plans)}"
        )
    return fitting[0]
