"""No class name becomes a path."""

import re

import pytest

from varifactory.exports.naming import file_stem, folder_names

HOSTILE = [
    "..", ".", "../../etc/passwd", "/etc", "a/b", "a\\b", "C:\\x", "con", "CON", "nul.txt", "LPT1",
    "", " ", "a\0b", "a\nb", "-rf", "~", "$HOME", "`id`", "%2e%2e%2f", "x" * 5000,
    "cat\u202etac",  # reads backwards
    "c\u0430t",  # a Cyrillic letter that looks like a Latin one
    "ca\u200bt",  # with a space of no width
    "\uff0e\uff0e\uff0f",  # full-width dots and slash: NFKC makes them ../
    "\ufe52\ufe52", "..\u2215x", "\ud800", "猫", "\u00e9", "e\u0301",
    "cat", "Cat", "CAT", "café", "cafe", "kettle",
]  # fmt: skip
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,80}")


def test_every_name_is_plain_and_no_two_are_the_same_folder_on_any_disk() -> None:
    found = folder_names(HOSTILE)
    assert set(found) == set(HOSTILE)
    for label, name in found.items():
        assert PLAIN.fullmatch(name), (label, name)
        assert name.lower() not in {"con", "prn", "aux", "nul", "lpt1", "com1"}, label
    assert len({name.lower() for name in found.values()}) == len(HOSTILE)


@pytest.mark.parametrize(
    ("label", "name"),
    [("kettle", "kettle"), ("coffee cup", "coffee_cup"), ("café", "cafe"), ("Boeing-747", None)],
)
def test_ordinary_names_stay_readable(label: str, name: str | None) -> None:
    assert folder_names([label]) == {label: name or label}


def test_names_do_not_depend_on_order_or_on_strangers() -> None:
    assert folder_names(HOSTILE) == folder_names(reversed(HOSTILE))
    assert folder_names(["猫", "dog"])["猫"] == folder_names(["猫"])["猫"]
    assert folder_names(["Cat", "cat"])["cat"] != "cat"


def test_keys_that_are_not_ours_are_hashed() -> None:
    assert file_stem("ab" * 32) == "ab" * 32
    for odd in ("../x", "a.b", "", "k" * 81, "ü"):
        assert re.fullmatch("[0-9a-f]{64}", file_stem(odd))
