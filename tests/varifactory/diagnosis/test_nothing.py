"""A class of which nothing was made."""

from tests.injected_faults import cut, examined, spoiled
from varifactory.diagnosis.nothing import nothing_made


def test_it_is_flagged_with_its_name_and_where_to_look() -> None:
    one = examined(cut(spoiled("clean", 304, n=20, classes=3), 0))[1]
    assert len(one.side.at) == 0
    flag = nothing_made(one)
    assert (flag.label, flag.issue, flag.kind) == (one.label, "concept", "nothing")
    assert flag.sentence == f"{one.label[0].upper()}{one.label[1:]} has no synthetic image."
    assert "Look why none was made" in flag.advice
    assert (flag.evidence, flag.images) == ((), ())
