"""When two phrases say the same."""

import pytest

from varifactory.catalog.phrases import normal_form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Leaf Green", "leaf-green"),
        ("the  red\tbricks", "A red brick!"),
        ("grey", "gray"),
        ("berries", "berry"),
        ("benches", "bench"),
        ("ﬁne dots", "fine dot"),
        ("moss", "Moss."),
    ],
)
def test_same(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("striped", "dotted"), ("glass", "gla"), ("red", "reddish"), ("light blue", "blue light")],
)
def test_different(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


def test_an_article_alone_is_still_a_phrase() -> None:
    assert normal_form("The") == "the"
    assert normal_form("?!") == ""
