from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.stored_digits import (
    NAMES,
    Given,
    digits,
    keep_texts,
    plan_of,
    real,
    shifted,
    stored,
    text_vector,
)
from varifactory.diagnosis.overlap import curve
from varifactory.diagnosis.population import (
    Population,
    PopulationError,
    population,
    population_of_table,
)
from varifactory.embeddings import NotEmbedded
from varifactory.recipe.diagnosis import Diagnosis
from varifactory.store import Store

REAL = real(range(60)) + real(range(60, 80), "validation") + real(range(80, 100), "test")


@pytest.fixture
def store(tmp_path) -> Store:
    found = Store(str(tmp_path))
    found.prepare()
    return found


def edit_of(at: int, **more: object) -> Given:
    one = shifted([at], seed=at)[0]
    return replace(one, kind="edit", source=at, attribute="background", **more)


def test_images_of_a_version_with_their_vectors_texts_and_sources(store) -> None:
    images = [*REAL, edit_of(5), *shifted(range(200, 260), seed=1)]
    found = population(store, manifest := stored(store, images), plan_of(manifest))
    assert (found.name, found.encoder, found.logit_scale) == ("digits@1", "digits", 20)
    assert found.class_names == tuple(sorted(NAMES))
    assert (len(found.real), len(found.synthetic)) == (80, 61)
    assert [place for place in found.own if place >= 0] == [found.own.max()]
    assert found.sources is not None
    np.testing.assert_array_equal(found.sources >= 0, found.own >= 0)  # others are foreign images
    edit = int(np.argmax(found.own))
    assert found.attributes[edit] == "background"
    assert found.real.labels[found.own[edit]] == found.synthetic.labels[edit] == images[5].label
    by_pixels = {tuple(one.vector) for one in images if one.kind != "source"}
    assert {tuple(vector) for vector in found.synthetic.vectors} == by_pixels
    for label, prompt, vector in zip(found.synthetic.labels, found.prompts, found.prompt_vectors,
                                     strict=True):  # fmt: skip
        assert prompt == f"the digit {label}"
        assert vector.tobytes() == text_vector(label).tobytes()
    np.testing.assert_array_equal(
        found.class_vectors, [text_vector(name) for name in found.class_names]
    )
    assert all(store.get_blob(*blob.split(".")) for blob in found.synthetic.blobs[:3])


def test_test_images_and_what_was_refused_or_is_a_control_are_left_out(store) -> None:
    images = [*REAL, edit_of(1), edit_of(2, status="rejected"), edit_of(3, split="test"),
              edit_of(4, feasibility="unchanged"), edit_of(6)]  # fmt: skip
    found = population(store, manifest := stored(store, images), plan_of(manifest))
    assert len(found.synthetic) == 2
    assert len(found.real) == 80
    train = plan_of(manifest, settings={"reference": ["train"]})
    assert len(population(store, manifest, train).real) == 60


def test_edits_of_one_source_are_known_as_such_where_the_reference_lacks_it(store) -> None:
    """Training images were edited, and validation ones are what they are held against."""
    images = [*REAL, *(replace(shifted([at], seed=seed)[0], kind="edit", source=at)
                       for seed, at in enumerate((0, 0, 1, 0)))]  # fmt: skip
    manifest = stored(store, images)
    plan = plan_of(manifest)
    settings = plan.settings.model_copy(update={"reference": ("validation",)})
    found = population(store, manifest, plan.model_copy(update={"settings": settings}))
    assert (found.own == -1).all()
    assert sorted(np.bincount(found.made_of).tolist()) == [1, 3]


def test_an_image_without_a_prompt_stands_with_its_class(store) -> None:
    bare = [replace(one, prompt="") for one in shifted(range(200, 210), seed=1)]
    manifest = stored(store, [*REAL, *bare])
    found = population(store, manifest, plan_of(manifest))
    assert found.prompts == ()
    np.testing.assert_array_equal(
        found.prompt_vectors, [text_vector(label) for label in found.synthetic.labels]
    )


def test_an_encoder_without_texts_gives_none(store) -> None:
    manifest = stored(store, [*REAL, *shifted(range(200, 210), seed=1)])
    found = population(store, manifest, plan_of(manifest, texts=""))
    assert found.class_vectors is found.prompt_vectors is None
    assert not found.senses


def test_senses_are_read_and_a_missing_one_is_told(store) -> None:
    images = [*REAL, *shifted(range(200, 210), seed=1)]
    manifest = stored(store, images)
    senses = {"one": {"seven": "a sloppy seven", "i": "the letter one"}, "six": {"b": "b or six"}}
    plan = plan_of(manifest, senses=senses)
    with pytest.raises(NotEmbedded, match=r"3 of .* texts have no vector.*'a sloppy seven'"):
        population(store, manifest, plan)
    keep_texts(store, images, [text for each in senses.values() for text in each.values()])
    found = population(store, manifest, plan).senses
    assert {name: list(each) for name, each in found.items()} == {"one": ["seven", "i"],
                                                                  "six": ["b"]}  # fmt: skip
    assert found["one"]["seven"].tobytes() == text_vector("seven").tobytes()


def test_a_target_is_another_version_s_real_training_images(store) -> None:
    other = stored(store, [*real(range(300, 340)), *real(range(340, 350), "test")], "target")
    manifest = stored(store, [*REAL, *shifted(range(200, 210), seed=1)])
    plan = plan_of(manifest, target={"name": "target", "version": other.version})
    found = population(store, manifest, plan).target
    assert len(found) == 40
    assert population(store, manifest, plan_of(manifest)).target is None
    only = stored(store, real(range(340, 350), "test"), "empty")
    with pytest.raises(PopulationError, match="empty@1 has no real training image"):
        population(store, manifest, plan_of(manifest, target={"name": only.name, "version": 1}))


def towards(store: Store, *renamed: tuple[str, str]) -> Population:
    """Fresh digits towards others whose classes have other names."""
    names = dict(renamed)
    target = [replace(one, label=names.get(one.label, one.label)) for one in real(range(300, 400))]
    other = stored(store, target, "target")
    manifest = stored(store, [*REAL, *shifted(range(200, 260), seed=1)])
    told = {"name": "target", "version": other.version}
    return population(store, manifest, plan_of(manifest, target=told))


def test_a_target_of_other_class_names_is_refused(store) -> None:
    with pytest.raises(
        PopulationError,
        match=r"target@1 and the synthetic images share no class: it has 'Number eight', .* they "
        r"'eight', .* same names, letter by letter",
    ):
        towards(store, *((name, f"Number {name}") for name in NAMES))


def test_classes_that_only_the_target_or_the_set_has_are_told(store) -> None:
    assert towards(store).notes == ()
    assert towards(store, ("one", "ONE"), ("two", "TWO")).notes == (
        "the target target@2 has no image of 'one', 'two': none of what was made of it lies near, "
        "and pruning leaves it out first",
        "no synthetic image of 'ONE', 'TWO', which the target target@2 has: they stay uncovered",
    )


def table_towards(labels: list[str]) -> pa.Table:
    """Vectors of 60 real digits, 60 fresh ones and a target with these labels."""
    sides = ["real"] * 60 + ["synthetic"] * 60 + ["target"] * len(labels)
    count = len(sides)
    return pa.table({
        "image": [str(at) for at in range(count)], "source": sides, "encoder": ["x"] * count,
        "class": [*digits().labels[:120], *labels], "vector": list(digits().vectors[:count]),
    })  # fmt: skip


def test_a_target_that_lacks_one_label_is_compared_as_one_that_has_none() -> None:
    own = list(digits().labels[120:220])
    some, none, every = (population_of_table(table_towards(labels))
                         for labels in (["", *own[1:]], [""] * 100, own))  # fmt: skip
    assert some.notes == (
        "1 of 100 images of the target in the table have no label: it is compared as a whole",
    )
    assert none.notes == every.notes == ()
    assert set(some.target.labels) == {""}
    settings = Diagnosis(keep=(1.0, 0.5))
    found, whole, by_class = (curve(each, settings) for each in (some, none, every))
    assert found == whole != by_class
    with pytest.raises(PopulationError, match=r"the target in the table and the .* share no class"):
        population_of_table(table_towards([one.upper() for one in own]))


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (REAL, "digits@1 holds no synthetic image"),
        (shifted(range(40), 1), "holds 40 synthetic images and no real one"),
        ([*REAL, *shifted([200], 1)], "holds 1 synthetic image: nothing is said of one"),
        (
            [*real(digits().of("one")[:30]), *shifted(digits().of("one")[30:60], 1)],
            "holds one class, 'one'",
        ),
        (
            [*real(digits().of("one")[:30]), *shifted(digits().of("two")[:30], 1)],
            "1 of 2 classes of digits@1 have no real image .*'two' .30 synthetic.",
        ),
        (
            [*REAL, *(replace(one, label="") for one in shifted(range(4), 1))],
            "4 of 4 synthetic images of digits@1 have no label, the first is the 1st",
        ),
        ([*real(range(60), "test"), *shifted(range(100, 140), 1)], "no real one"),
    ],
)
def test_images_that_cannot_be_diagnosed_are_refused(store, images, said) -> None:
    manifest = stored(store, images)
    with pytest.raises(PopulationError, match=said):
        population(store, manifest, plan_of(manifest))


def test_a_picture_without_an_embedding_is_told_with_what_to_do(store) -> None:
    manifest = stored(store, [*REAL, *shifted(range(200, 210), seed=1)])
    with pytest.raises(PopulationError, match=r"80 of 80 pictures .* no embedding.* run .*again"):
        population(store, manifest, plan_of(manifest, embeddings="elsewhere"))


def test_the_order_is_that_of_content(store, tmp_path) -> None:
    images = [*REAL, *shifted(range(200, 230), seed=1)]
    other = Store(str(tmp_path / "other"))
    other.prepare()
    found = [population(place, manifest := stored(place, given), plan_of(manifest))
             for place, given in ((store, images), (other, images[::-1]))]  # fmt: skip
    assert sorted(found[0].real.pixels) == sorted(found[1].real.pixels)
    assert found[0].real.pixels == found[1].real.pixels
    assert found[0].synthetic.vectors.tobytes() == found[1].synthetic.vectors.tobytes()
