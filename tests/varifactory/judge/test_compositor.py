"""The judge against edits it never saw: another hand's paint, on the same questions."""

from collections import defaultdict

import numpy as np

from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.compositor import Compositor
from varifactory.edits import feathered, paste_back, region_of
from varifactory.judge import MeasuredJudge, load_references
from varifactory.models import InpaintingJob, JudgeCase
from varifactory.world import load_world, render, sample_scene

CHANCE = {"background": 1 / 16, "color": 1 / 12, "texture": 1 / 8}


def test_an_edit_looks_like_what_was_asked_for_far_more_often_than_by_chance():
    world, catalog, taxonomy = load_world(), load_catalog(), load_taxonomy("world")
    rng, editor, judge = np.random.default_rng(1), Compositor(), MeasuredJudge(load_references())
    seen, unedited = defaultdict(list), defaultdict(list)
    for seed in range(30):
        scene = sample_scene(world, seed, classes=world.study_classes, skew=0.8)
        drawn = render(world, scene, 96)
        for name in CHANCE:
            attribute = catalog.attribute(name)
            for feasibility in ("feasible", "infeasible"):
                pool = taxonomy.pools(scene.class_name, name).values(feasibility)
                others = [value for value in pool if value != getattr(scene, name)]
                value = str(rng.choice(others))
                alpha = feathered(region_of(drawn.mask, attribute.region), 1.0)
                job = InpaintingJob(drawn.image, drawn.mask, alpha > 0, scene.class_name,
                                    attribute, value, "", seed)  # fmt: skip
                edit = paste_back(drawn.image, editor.inpaint([job])[0], alpha)
                cases = [JudgeCase(image, drawn.mask, attribute) for image in (edit, drawn.image)]
                edited, source = judge.judge(cases)
                seen[name].append(edited.values[value])
                unedited[name].append(source.values[value])
    for name, chance in CHANCE.items():
        assert np.mean(seen[name]) > 4 * chance
        assert np.mean(unedited[name]) < chance
