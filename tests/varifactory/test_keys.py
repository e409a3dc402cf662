"""Names made from content: stable, distinct, and deaf to what is no content."""

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from varifactory import keys
from varifactory.keys import EXCLUDED, INCLUDED, canonical, digest, edit_seed, item_key, share

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), PLAIN), st.randoms(use_true_random=False))
def test_the_order_of_fields_is_no_content(value: dict[str, Any], dice: random.Random) -> None:
    names = list(value)
    dice.shuffle(names)
    assert digest({name: value[name] for name in names}) == digest(value)


@given(PLAIN)
def test_a_detour_through_json_changes_no_key(value: Any) -> None:
    assert digest(json.loads(json.dumps(value))) == digest(value)


def test_keys_are_what_they_were() -> None:
    """Stores are shared and kept: another form of the same content would lose all of them."""
    assert canonical({"b": [1, 2.5, None, True], "a": "é"}) == (
        '{"a":"é","b":[1,"f:2.5",null,true]}'.encode()
    )
    assert digest({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


def test_numbers_of_different_kinds_differ() -> None:
    assert len({digest(value) for value in (1, 1.0, "1", "f:1", True, [1], None)}) == 7


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [math.nan]])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="give a finite number"):
        digest(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), {"a": b""}])
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="a key cannot hold"):
        digest(value)


def test_a_spec_follows_its_stage_version_and_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    first = keys.spec_of("masks", {"segmenter": "a"})
    assert first != keys.spec_of("edits", {"segmenter": "a"})
    assert first != keys.spec_of("masks", {"segmenter": "b"})
    monkeypatch.setitem(keys.STAGE_VERSIONS, "masks", 99)
    assert first != keys.spec_of("masks", {"segmenter": "a"})


def test_an_item_key_follows_spec_and_fields() -> None:
    found = {item_key(spec, seed=seed) for spec in "ab" for seed in (1, 2)}
    assert len(found) == 4
    assert all(len(key) == 64 for key in found)


def test_a_seed_is_of_its_source_attribute_index_and_attempt_alone() -> None:
    first = edit_seed(7, "pixels", "color", 0, 0)
    assert first == edit_seed(7, "pixels", "color", 0, 0)
    assert 0 <= first < 2**63
    others = [(8, "pixels", "color", 0, 0), (7, "other", "color", 0, 0),
              (7, "pixels", "texture", 0, 0), (7, "pixels", "color", 1, 0),
              (7, "pixels", "color", 0, 1)]  # fmt: skip
    assert len({first, *(edit_seed(*other) for other in others)}) == 6


@given(st.text(), st.text())
def test_a_share_lies_in_its_interval(content: str, salt: str) -> None:
    assert 0 <= share(content, salt) < 1


def test_shares_are_spread_evenly() -> None:
    below = sum(share(str(number)) < 0.3 for number in range(10_000))
    assert abs(below - 3000) < 150


def test_what_is_in_a_key_and_what_is_not_has_a_reason() -> None:
    assert not set(INCLUDED) & set(EXCLUDED)
    assert all(len(reason) > 10 for reason in [*INCLUDED.values(), *EXCLUDED.values()])


def test_a_value_that_many_keys_share_is_written_once_and_gives_the_same_key() -> None:
    settings = {"b": [1, 2.5, None, True], "a": {"x": 'say "hi"\n', "é": "ü"}}
    plain = item_key("s" * 64, settings=settings, seed=7)
    assert item_key("s" * 64, settings=keys.encoded(settings), seed=7) == plain
    shared = {"spec": keys.encoded("s" * 64), "settings": keys.encoded(settings)}
    assert digest({**shared, "seed": 7}) == plain
