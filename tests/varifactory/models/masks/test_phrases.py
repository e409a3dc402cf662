"""Class names as words."""

import pytest

from varifactory.models.masks.phrases import phrase, spoken


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("coffee cup", "coffee cup"),
        ("n02_Golden_Retriever", "n02 Golden Retriever"),
        ("F-16A/B", "F-16A/B"),
        ("a\tb\x00c\n", "a b c"),
        ("cafe\u0301", "caf\u00e9"),
        ("猫", "猫"),
        ("100 % {braces}", "100 % {braces}"),
        ("", ""),
        ("_-_", ""),
    ],
)
def test_spoken(name, words):
    assert spoken(name) == words


def test_a_class_name_is_put_in_once_and_never_read_as_a_template():
    assert phrase("a {class_name} outside", "red {class_name}") == "a red {class name} outside"
    assert phrase("a {class_name}", "__") == ""
