"""Masks as COCO has them, against its own library."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes

from varifactory.exports.coco import annotation, packed, run_lengths

# pycocotools hands numpy 2 an array type without its newer argument.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@settings(max_examples=200, deadline=None)
@given(shapes.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_masks_are_packed_as_its_own_library_does(mask: np.ndarray) -> None:
    from pycocotools import mask as theirs

    wanted = theirs.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert packed(run_lengths(mask)).encode() == wanted["counts"]
    found = annotation(mask)
    if not mask.any():
        assert found is None
        return
    assert found is not None
    assert found["area"] == theirs.area(wanted)
    assert found["bbox"] == theirs.toBbox(wanted).tolist()


def test_long_runs_too() -> None:
    from pycocotools import mask as theirs

    mask = np.zeros((1500, 2000), bool)
    mask[100:1400, 300:1900] = True
    mask[700, 900] = False
    wanted = theirs.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert packed(run_lengths(mask)).encode() == wanted["counts"]
    assert (theirs.decode(wanted) == mask).all()
