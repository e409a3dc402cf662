from dataclasses import replace

import pytest

from tests.varifactory.models.edits.varireal.jobs import job
from varifactory.models.edits.varireal.wording import phrase_of, wording, words_for


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("phrase", ["on a {strange} ice floe", "in a meadow of tall green grass"])
def test_the_phrase_is_read_out_of_the_prompt_whatever_template_it_stands_in(number, phrase):
    asked = job(number, "background", "meadow")
    text = asked.attribute.render(number, asked.class_name, phrase)
    assert phrase_of(replace(asked, prompt=text)) == phrase


def test_a_prompt_of_another_hand_leaves_the_bare_value():
    assert phrase_of(job(1, "texture", "striped", prompt="zebra!")) == "striped"


def test_a_place_is_asked_for_without_its_object():
    asked = job(1, "background", "snowfield")
    prompt, negative = words_for("background", asked)
    assert "on a wide field of fresh snow" in prompt
    assert asked.class_name not in prompt
    assert asked.class_name in negative


def test_a_sheet_is_asked_for_without_objects():
    prompt, negative = words_for("texture", job(1, "texture", "wooden"))
    assert "a surface of grained wood" in prompt
    assert "animal" in negative
    assert "{" not in prompt + negative


def test_no_weights_stand_in_the_words():
    assert not [text for words in wording().values() for text in words.values() if "(" in text]
