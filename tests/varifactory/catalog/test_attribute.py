"""Attribute entries: what ships, and what a user's folder may say."""

from pathlib import Path

import pytest

from varifactory.catalog import Attribute, load_catalog
from varifactory.errors import RecipeError

ENTRY = """
name: {name}
region: image
measure: none
editors: {{}}
templates: ["{template}"]
values: {{dim: {{phrase: dim light}}}}
"""


def write(folder: Path, file: str, name: str = "lighting", template: str = "") -> str:
    text = template or "the {class_name} in {phrase}"
    (folder / file).write_text(ENTRY.format(name=name, template=text))
    return str(folder)


def test_the_shipped_attributes() -> None:
    attributes = load_catalog().attributes
    sizes = {name: len(entry.values) for name, entry in attributes.items()}
    assert sizes == {"background": 16, "color": 12, "texture": 8}
    for entry in attributes.values():
        assert len(entry.templates) == 3
        assert set(entry.editors) == {"compositor", "small-diffusion", "varireal"}
        assert all(value.paint for value in entry.values.values())
        phrases = [value.phrase for value in entry.values.values()]
        assert len(set(phrases)) == len(phrases)


def test_a_users_entry_is_laid_over_the_shipped_ones(tmp_path: Path) -> None:
    folder = write(tmp_path, "a.yaml", name="color")
    catalog = load_catalog(folder)
    assert set(catalog.attribute("color").values) == {"dim"}
    assert len(catalog.attribute("texture").values) == 8


@pytest.mark.parametrize(
    "template",
    ["no places", "{class_name} alone", "{phrase} {class_name} {phrase}",
     "{class_name} {phrase} {color}", "{class_name.x} {phrase}"],
)  # fmt: skip
def test_a_template_holds_its_two_places_once(tmp_path: Path, template: str) -> None:
    folder = write(tmp_path, "a.yaml", template=template)
    with pytest.raises(RecipeError, match=r"a\.yaml cannot be used(.|\n)*must hold \{class_name\}"):
        load_catalog(folder)


def test_braces_in_names_and_phrases_stay_as_they_are() -> None:
    color = load_catalog().attribute("color")
    text = color.render(0, "{phrase} {0}", "{class_name}")
    assert text == "a photo of the {phrase} {0}, which is {class_name}"


def test_templates_repeat_along_a_pool() -> None:
    color = load_catalog().attribute("color")
    assert color.template(4) == color.templates[1]


def test_two_files_may_not_describe_one_attribute(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml")
    with pytest.raises(RecipeError, match=r"b\.yaml describes 'lighting', which another file"):
        load_catalog(write(tmp_path, "b.yaml"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [", "while parsing"),
        ("name: Lighting!", "String should match pattern"),
        ("- a list", "valid dictionary"),
        ("name: x\nsize: 3", "Extra inputs are not permitted"),
    ],
)
def test_a_broken_entry_is_named_with_its_file(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "broken.yaml").write_text(text)
    with pytest.raises(RecipeError, match=rf"broken\.yaml cannot be used(.|\n)*{told}"):
        load_catalog(str(tmp_path))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"'.*nowhere' is not a folder of attribute files"):
        load_catalog(str(tmp_path / "nowhere"))


def test_an_entry_needs_a_template() -> None:
    with pytest.raises(ValueError, match="at least one template"):
        Attribute(name="x", region="image", measure="none", editors={}, templates=(), values={})
