"""The tables of families and schedules against diffusers as it is installed."""

import inspect

import pytest

from varifactory.models.edits.families import Family, _schedules, families

KINDS = [(family, kind) for family in families().values() for kind in family.kinds]


def ids(value: object) -> str:
    return value.name if isinstance(value, Family) else str(value)


@pytest.mark.parametrize(("family", "kind"), KINDS, ids=ids)
def test_a_pipeline_takes_what_the_table_gives_it(family: Family, kind: str) -> None:
    import diffusers

    pipeline = getattr(diffusers, family.kinds[kind].pipeline)
    takes = set(inspect.signature(pipeline.__call__).parameters)
    given = {family.guidance_argument, "num_inference_steps", "generator", "output_type"}
    given |= {name for name in family.encoding.returns if name}
    if kind != "text-to-image":
        given |= {"image", "strength"}
    if kind == "inpaint":
        given |= {"mask_image"}
    assert given <= takes
    encoder = set(inspect.signature(pipeline.encode_prompt).parameters)
    assert {"prompt", "device", "num_images_per_prompt"} <= encoder
    together = family.encoding.negative == "together"
    assert together == ("negative_prompt" in encoder)
    if family.encoding.negative == "none":
        assert "negative_prompt" not in takes
    if family.encoding.negative == "apart":
        assert "negative_prompt_embeds" in takes


@pytest.mark.parametrize("family", families().values(), ids=ids)
def test_a_family_is_told_whole(family: Family) -> None:
    assert family.licence
    assert family.side % family.multiple == 0
    for kind in family.kinds.values():
        assert bool(kind.usual) != bool(family.built_in)
    assert family.usual("inpaint") == family.kinds["inpaint"].usual


def test_schedules_are_diffusers_own_and_know_what_is_changed() -> None:
    import diffusers

    for schedule in _schedules().values():
        scheduler = getattr(diffusers, schedule.scheduler)
        assert set(schedule.changes) <= set(inspect.signature(scheduler.__init__).parameters)


def test_the_table_is_read_without_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from varifactory.models.registry import EDITORS; "
        "sys.exit(bool({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
