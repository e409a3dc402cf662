"""No stage computes something else under its old version."""

import json

import pytest

from tests import record_stage_versions as recorded
from varifactory.keys import STAGE_VERSIONS

RECORD = json.loads(recorded.RECORD.read_text())
ADVICE = (
    "raise the stage's version in varifactory/keys.py if it now makes something else, and run "
    "`python tests/record_stage_versions.py`; if it makes the same as before, run "
    '`python tests/record_stage_versions.py --waive "why"`'
)


@pytest.mark.parametrize("stage", STAGE_VERSIONS)
def test_a_stage_is_what_its_version_says(stage: str) -> None:
    files = recorded.changed(RECORD, STAGE_VERSIONS).get(stage, [])
    assert not files, f"stage {stage!r} changed: {', '.join(files)}; {ADVICE}"
    assert RECORD["versions"].get(stage) == STAGE_VERSIONS[stage], (
        f"the version of stage {stage!r} was raised: run `python tests/record_stage_versions.py`"
    )


def test_every_stage_is_watched_with_its_code_and_data() -> None:
    assert set(recorded.MODULES) == set(STAGE_VERSIONS)
    assert {"varifactory/sources/drawn.py", "varifactory/world/rendering.py",
            "varifactory/catalog/world.yaml"} <= set(recorded.files_of("sources"))  # fmt: skip
    assert "varifactory/models/builtin/small-sam/sam.safetensors" in recorded.files_of("masks")
    assert "varifactory/compositor/recolor.py" in recorded.files_of("edits")
    assert "varifactory/judge/references.npz" in recorded.files_of("verdicts")
    for pattern in [pattern for patterns in recorded.DATA.values() for pattern in patterns]:
        assert list(recorded.ROOT.glob(pattern)), f"{pattern} names no file"


def test_what_is_exempt_is_there_and_has_a_reason() -> None:
    for path, reason in recorded.EXEMPT.items():
        assert (recorded.ROOT / path).exists(), path
        assert len(reason) > 10
    assert all(len(waiver["reason"]) > 10 for waiver in RECORD["waivers"])


def test_words_and_layout_are_no_change() -> None:
    bare = "def f(x):\n    return x + 1\n"
    dressed = '"""Module."""\n\n# Why.\ndef f(x):  # here\n    """What."""\n    return (x\n + 1)\n'
    assert recorded.meaning(bare) == recorded.meaning(dressed)


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    return x + 2\n",
        "def f(x):\n    return x + 1.0\n",
        "def f(y):\n    return y + 1\n",
        "def f(x):\n    return 1 + x\n",
    ],
)
def test_anything_else_is_one(other: str) -> None:
    assert recorded.meaning("def f(x):\n    return x + 1\n") != recorded.meaning(other)


def test_imports_inside_functions_are_followed() -> None:
    path = "varifactory/models/registry/judges.py"
    assert "varifactory/judge/__init__.py" in recorded.imports(path)
    text = (recorded.ROOT / path).read_text()
    assert "\n    from varifactory.judge import" in text


def test_a_change_is_told_until_it_is_recorded() -> None:
    path = "varifactory/masks.py"
    before = {**RECORD, "files": {**recorded.current(), path: "another"}}
    told = recorded.changed(before, {**STAGE_VERSIONS, **RECORD["versions"]})
    assert told == {"masks": [path]}
    raised = {**RECORD["versions"], "masks": RECORD["versions"]["masks"] + 1}
    assert recorded.changed(before, raised) == {}
