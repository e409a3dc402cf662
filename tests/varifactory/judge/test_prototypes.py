import numpy as np

from varifactory.images import pixel_hash
from varifactory.judge import Prototypes
from varifactory.judge.measure_references import spoil
from varifactory.models.registry.clips import clip
from varifactory.world import load_world, render, sample_scene

WORLD = load_world()


def test_a_dozen_examples_teach_the_class_in_any_color_texture_and_place():
    rng, kinds = np.random.default_rng(5), WORLD.study_classes
    pictures, masks, examples = {}, {}, []
    for index in range(12 * len(kinds)):
        scene = sample_scene(WORLD, 10**6 + index, class_name=kinds[index % len(kinds)], skew=0.8)
        drawn = render(WORLD, scene, 96)
        mask = spoil(drawn.mask, rng)
        names = (pixel_hash(drawn.image), scene.class_name, pixel_hash(mask))
        pictures[names[0]], masks[names[2]] = drawn.image, mask
        examples.append(names)
    judge = Prototypes(clip("small-clip", 1), examples, pictures.__getitem__, masks.__getitem__)
    scores = {}
    for share in (0.0, 1.0):
        scenes = [
            sample_scene(WORLD, 2 * 10**6 + index, class_name=kind, feasible_share=share)
            for index, kind in enumerate(kinds * 6)
        ]
        drawn = [render(WORLD, scene, 96) for scene in scenes]
        answers = judge.classify([one.image for one in drawn], [one.mask for one in drawn])
        truth = [scene.class_name for scene in scenes]
        right = [max(a, key=lambda n: a[n]) == t for a, t in zip(answers, truth, strict=True)]
        passed = [answer[name] >= 0.05 for answer, name in zip(answers, truth, strict=True)]
        scores[share] = (np.mean(right), np.mean(passed))
    # Twelve classes: chance is 0.08. What could not exist must not cost an object its class.
    for right_share, passed_share in scores.values():
        assert right_share > 0.4
        assert passed_share > 0.7
    assert abs(scores[0.0][0] - scores[1.0][0]) < 0.2
