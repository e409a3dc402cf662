"""Every threshold has a reason, and every flag its words."""

from importlib.resources import files
from string import Formatter
from typing import get_args

import yaml

from varifactory.diagnosis.figures import Issue
from varifactory.diagnosis.thresholds import advice, issue_of, limit, reasons, sentence

DATA = yaml.safe_load(
    files("varifactory").joinpath("diagnosis/flags.yaml").read_text(encoding="utf-8")
)


def test_a_threshold_is_a_number_with_a_reason() -> None:
    assert limit("stray") == DATA["thresholds"]["stray"]["value"]
    assert all(value >= 0 and len(reason) > 40 for value, reason in reasons().values())


def test_a_threshold_that_the_file_has_is_asked_for() -> None:
    folder = files("varifactory").joinpath("diagnosis")
    code = "".join(
        one.read_text(encoding="utf-8") for one in folder.iterdir() if one.name.endswith(".py")
    )
    assert [name for name in DATA["thresholds"] if f'limit("{name}")' not in code] == []


def test_every_issue_has_a_kind_and_every_kind_its_words() -> None:
    assert {issue_of(kind) for kind in DATA["kinds"]} == set(get_args(Issue))
    for kind, said in DATA["kinds"].items():
        told = {name: f"<{name}>" for _, name, _, _ in Formatter().parse(said["sentence"]) if name}
        assert all(value in sentence(kind, **told) for value in told.values() if value != "<label>")
        assert advice(kind, "crane", "machine")
