import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.stored_digits import digits
from varifactory.diagnosis.copies import LEAST, copies, nearest
from varifactory.diagnosis.population import Images, Population
from varifactory.embeddings import Vectors

RANDOM = np.random.default_rng(5)


def units(vectors: Vectors) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def given(real: Vectors, made: Vectors, own: list[int] | None = None) -> Population:
    """Images of one class and another in turn."""

    def images(kind: str, vectors: Vectors) -> Images:
        names = tuple(f"{kind}-{at}" for at in range(len(vectors)))
        return Images(names, tuple(("cat", "dog")[at % 2] for at in range(len(vectors))), vectors)

    return Population(
        name="set", encoder="digits", class_names=("cat", "dog"), real=images("real", real),
        synthetic=images("made", made), attributes=("",) * len(made),
        own=np.array(own or [-1] * len(made), np.int64),
    )  # fmt: skip


def jittered(vectors: Vectors, spread: float = 0.01) -> Vectors:
    noise = spread * RANDOM.normal(size=vectors.shape) / vectors.shape[1] ** 0.5
    return units((vectors + noise).astype(np.float32))


@pytest.fixture(scope="module")
def halves() -> tuple[Vectors, Vectors]:
    order = np.random.default_rng(1).permutation(1797)
    vectors = digits().vectors[order]
    return vectors[:600], vectors[600:1200]


def test_fresh_images_repeat_next_to_nothing(halves) -> None:
    real, made = halves
    found, share = copies(given(real, made))
    assert len(found) <= 6  # of 600: 1 % at most
    assert share.value.estimate <= 0.01
    assert share.reference <= 0.01
    assert (share.n, share.n_real) == (600, 600)


def test_copies_of_real_images_are_found_and_counted(halves) -> None:
    real, made = halves
    taken = RANDOM.choice(600, 60, replace=False)
    found, share = copies(given(real, np.concatenate([made, jittered(real[taken])])))
    planted = {f"made-{600 + at}": f"real-{place}" for at, place in enumerate(taken)}
    told = {copy.image: copy.other for copy in found if copy.of == "real"}
    assert {image: told.get(image) for image in planted} == planted
    assert len(told) <= 64
    assert share.value.estimate == pytest.approx(len(told) / 660)
    assert share.value.low > share.reference
    assert {copy.label for copy in found if copy.image == "made-601"} == {"dog"}
    assert [copy.cosine for copy in found] == sorted((c.cosine for c in found), reverse=True)


def test_what_the_set_repeats_is_told_once_a_pair(halves) -> None:
    real, made = halves
    one, many = jittered(made[:1]), jittered(np.repeat(made[1:2], 9, axis=0))
    found, _ = copies(given(real, np.concatenate([made, one, many])))
    within = [copy for copy in found if copy.of == "synthetic"]
    pairs = Counter(frozenset((copy.image, copy.other)) for copy in within)
    assert set(pairs.values()) == {1}
    assert frozenset(("made-0", "made-600")) in pairs
    repeated = {"made-1", *(f"made-{at}" for at in range(601, 610))}
    named = {name for copy in within for name in (copy.image, copy.other)}
    assert repeated <= named
    assert sum(pairs[pair] for pair in pairs if pair <= repeated) <= len(repeated)


def test_equal_images_are_copies_whatever_the_reference_holds() -> None:
    real = units(np.repeat(RANDOM.normal(size=(2, 8)), 15, axis=0).astype(np.float32))
    made = units(RANDOM.normal(size=(30, 8)).astype(np.float32))
    made[3] = made[4]
    made[5] = real[0]
    found, share = copies(given(real, made))
    assert {(copy.image, copy.of) for copy in found} == {("made-3", "synthetic"),
                                                         ("made-5", "real")}  # fmt: skip
    assert share.value is None
    assert share.why == "n too small: 2 images, at least 20"  # each is there fifteen times


def test_a_reference_that_holds_all_twice_tells_what_it_tells_once(halves) -> None:
    real, made = halves
    made = np.concatenate([made, jittered(real[:60])])
    own = [-1] * 600 + [at if at < 30 else -1 for at in range(60)]
    once, share = copies(given(real, made, own))
    twice, share_of_twice = copies(given(np.concatenate([real, real]), made, own))
    assert (twice, share_of_twice) == (once, share)
    assert {copy.image for copy in once if copy.of == "real"} >= {
        f"made-{600 + at}" for at in range(30, 60)
    }
    # A source's twin is no other image.
    of_twins = [at + 600 * (at >= 0) for at in own]
    assert copies(given(np.concatenate([real, real]), made, of_twins))[0] == once


def test_edits_of_one_source_may_be_alike_and_like_it(halves) -> None:
    real, _ = halves
    made = jittered(np.repeat(real[:50], 2, axis=0))
    own = [at // 2 for at in range(100)]
    assert copies(given(real, made, own))[0] == ()
    strange = own.copy()
    strange[7] = -1
    found, _ = copies(given(real, made, strange))
    assert {(copy.image, copy.other) for copy in found} >= {("made-7", "real-3")}


def test_edits_of_a_source_outside_the_reference_may_be_alike(halves) -> None:
    real, others = halves
    population = given(real, jittered(np.repeat(others[:50], 2, axis=0)))
    assert len(copies(population)[0]) >= 50
    known = replace(population, sources=np.arange(100) // 2)
    found, share = copies(known)
    assert not [copy for copy in found if copy.of == "synthetic"]
    assert share.value is not None
    assert share.value.covers == "whole sources of synthetic images"


def test_where_all_images_are_alike_a_copy_must_be_nearer() -> None:
    """A narrow cone: unrelated images have cosines above LEAST."""
    middle = np.zeros(64, np.float32)
    middle[0] = 12
    real, made = (units(middle + RANDOM.normal(size=(200, 64)).astype(np.float32) * 0.2)
                  for _ in range(2))  # fmt: skip
    assert float(np.median(nearest(made, real).cosines)) > LEAST
    assert copies(given(real, made))[0] == ()
    made[0] = jittered(real[:1], 0.002)[0]
    found, _ = copies(given(real, made))
    assert [(copy.image, copy.other) for copy in found] == [("made-0", "real-0")]


def test_a_share_of_too_few_images_is_not_said(halves) -> None:
    real, made = halves
    found, share = copies(given(real, np.concatenate([made[:5], real[:1]])))
    assert share.value is None
    assert share.why == "n too small: 6 images, at least 20"
    assert [copy.other for copy in found] == ["real-0"]
    assert copies(given(real[:1], made[:2]))[0] == ()


def test_the_nearest_is_that_of_a_plain_product() -> None:
    some, others = (units(RANDOM.normal(size=(n, 6)).astype(np.float32)) for n in (300, 200))
    product = some @ others.T
    found = nearest(some, others)
    np.testing.assert_array_equal(found.places, product.argmax(axis=1))
    np.testing.assert_allclose(found.cosines, product.max(axis=1), atol=1e-6)
    own = RANDOM.integers(-1, 200, 300)
    product[np.flatnonzero(own >= 0), own[own >= 0]] = -2
    np.testing.assert_array_equal(nearest(some, others, own=own).places, product.argmax(axis=1))
    groups = RANDOM.integers(-1, 40, 300)
    product = some @ some.T
    product[(groups[:, None] == groups) & (groups >= 0)] = -2
    np.fill_diagonal(product, -2)
    alone = nearest(some, some, same=True, apart=groups)
    np.testing.assert_array_equal(alone.places, product.argmax(axis=1))
    assert list(nearest(some[:2], others[:0]).places) == [-1, -1]
    lonely = nearest(some[:2], some[:2], same=True, apart=np.array([7, 7]))
    assert (list(lonely.places), list(lonely.cosines)) == ([-1, -1], [-1, -1])


def test_thousands_of_images_take_seconds() -> None:
    real, made = (units(RANDOM.normal(size=(8_000, 128)).astype(np.float32)) for _ in range(2))
    began = time.perf_counter()
    copies(given(real, made, [at // 8 for at in range(8_000)]))
    assert time.perf_counter() - began < 10
