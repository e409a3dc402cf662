from dataclasses import dataclass

import pytest

from varifactory.errors import StudyError
from varifactory.history.plans import meant


@dataclass
class Plan:
    hash12: str


NEW, OLD = Plan("abc111111111"), Plan("abd222222222")


@pytest.mark.parametrize(("start", "found"), [("", NEW), ("abc", NEW), ("abd2", OLD)])
def test_the_newest_or_the_one_that_begins_so(start: str, found: Plan) -> None:
    assert meant([NEW, OLD], start, "diagnoses of pets@3", StudyError) is found


@pytest.mark.parametrize(("start", "count"), [("ab", 2), ("f", 0)])
def test_none_or_several_are_told(start: str, count: int) -> None:
    with pytest.raises(StudyError, match=f"names {count} of the 2 diagnoses of pets@3: give one"):
        meant([NEW, OLD], start, "diagnoses of pets@3", StudyError)
