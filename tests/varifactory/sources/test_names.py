import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from varifactory.sources import ClassNameError, class_name
from varifactory.sources.names import MAX_NAME, shown, split_name


@pytest.mark.parametrize(
    "name", ["cat", "and/or", "../etc", "a.b", "c:\\d", "katze ß", "猫", "🐈", "7", "x" * MAX_NAME]
)
def test_names_that_are_fine_as_they_are(name: str) -> None:
    assert class_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "..",
        ".",
        "---",
        "x" * 300,
        "a\0b",
        "a\nb",
        "cat\u202egpj",
        "\udcff",
        "\u2028cat\u2028x",
    ],
)
def test_names_that_are_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(ClassNameError, match=r"rename it|give"):
        class_name(name)


def test_composed_and_decomposed_are_one_class() -> None:
    assert class_name(unicodedata.normalize("NFD", "café")) == class_name(" café ")


@given(st.text())
def test_any_text_is_a_label_or_an_error_that_prints(text: str) -> None:
    message = ""
    try:
        name = class_name(text)
    except ClassNameError as error:
        name, message = "refused", str(error)
    assert message.isprintable()
    assert class_name(name) == name
    assert name == unicodedata.normalize("NFC", name)
    assert name.encode()


@given(st.text(st.characters(), max_size=400))
def test_what_is_shown_prints(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) < 700


def test_split_names() -> None:
    assert [split_name(n) for n in ("Train", "val", "dev", "TEST", "car")] == [
        "train", "validation", "validation", "test", None,
    ]  # fmt: skip
