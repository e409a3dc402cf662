import pytest

from tests.varifactory.models.edits.varireal.jobs import job
from varifactory.models.edits.varireal.colors import named, rgb_of


@pytest.mark.parametrize(
    ("name", "rgb"),
    [
        ("red", (255, 0, 0)),
        ("Forest Green", (34, 139, 34)),
        ("light-grey", (211, 211, 211)),
        ("metallic silver", (192, 192, 192)),
        ("rust", (168, 60, 9)),
        ("glossy dark teal", (1, 77, 78)),
        ("#12ab3f", (18, 171, 63)),
    ],
)
def test_names_people_use_have_a_colour(name, rgb):
    assert named(name) == rgb


@pytest.mark.parametrize("name", ["ruddy", "", "black and white", "navy / gold", "red with dots"])
def test_what_is_no_one_colour_has_none(name):
    assert named(name) is None


def test_the_catalog_s_paint_counts_before_the_name():
    assert rgb_of(job(1, "color", "red")) == (0xC6, 0x28, 0x26)
    assert rgb_of(job(1, "color", "crimson")) == (220, 20, 60)
