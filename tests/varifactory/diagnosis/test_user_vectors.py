import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from varifactory.diagnosis.population import PopulationError, population_of_table
from varifactory.embeddings import Vectors


def table(count: int = 30, width: int = 8, **columns) -> pa.Table:
    """Cats and dogs, real and synthetic in turn."""
    vectors = np.random.default_rng(0).normal(size=(count, width)).astype(np.float32)
    found = {
        "image": [f"{at}.jpg" for at in range(count)],
        "class": [("cat", "dog")[at // 2 % 2] for at in range(count)],
        "source": [("real", "synthetic")[at % 2] for at in range(count)],
        "encoder": ["mine"] * count,
        "vector": list(vectors),
    }
    return pa.table({name: value for name, value in (found | columns).items() if value is not None})


def without(values: list, at: int, value: object) -> list:
    return [value if place == at else old for place, old in enumerate(values)]


def test_a_table_becomes_a_population_of_unit_vectors(tmp_path) -> None:
    given = table(vector=[list(map(float, row)) for row in 5 * np.eye(30)])
    pq.write_table(given.append_column("comment", pa.array(["x"] * 30)), tmp_path / "pets.parquet")
    found = population_of_table(tmp_path / "pets.parquet")
    assert (found.name, found.encoder, found.class_names) == (
        "pets.parquet",
        "mine",
        ("cat", "dog"),
    )
    assert (len(found.real), len(found.synthetic)) == (15, 15)
    assert found.real.pixels[:2] == ("0.jpg", "2.jpg")
    assert found.synthetic.labels[:3] == ("cat", "dog", "cat")
    np.testing.assert_array_equal(found.real.vectors, np.eye(30)[::2])
    assert set(found.own) == {-1}
    assert found.prompts == () == found.notes
    assert found.target is found.class_vectors is found.prompt_vectors is None
    assert population_of_table(given).real.vectors.tobytes() == found.real.vectors.tobytes()


def test_optional_columns_and_a_target_without_labels() -> None:
    sides = [("real", "synthetic", "target")[at % 3] for at in range(30)]
    labels = ["" if side == "target" else ("cat", "dog")[at // 3 % 2]
              for at, side in enumerate(sides)]  # fmt: skip
    made_from = [{1: "0.jpg", 4: "2.jpg"}.get(at) for at in range(30)]
    given = table(
        source=sides, made_from=made_from, prompt=["a pet"] * 30, attribute=["color"] * 30,
        **{"class": labels},
    )  # fmt: skip
    found = population_of_table(given)
    assert (len(found.real), len(found.synthetic), len(found.target)) == (10, 10, 10)
    assert list(found.own[:3]) == [0, -1, -1]
    assert list(found.made_of[:3]) == [0, 1, -1]
    assert found.prompts == ("a pet",) * 10
    assert found.attributes == ("color",) * 10
    assert found.notes == (
        "1 of 2 sources in 'made_from' are not among the real images, such as '2.jpg'",
    )


def test_numbers_and_other_forms_of_columns_are_read() -> None:
    vectors = pa.FixedSizeListArray.from_arrays(np.arange(1, 121, dtype=np.int16), 4)
    given = table(
        **{"class": [at // 2 % 2 for at in range(30)]}, vector=vectors,
        source=pa.array([("real", "synthetic")[at % 2] for at in range(30)]).dictionary_encode(),
    )  # fmt: skip
    found = population_of_table(given)
    assert found.class_names == ("0", "1")
    np.testing.assert_allclose(np.linalg.norm(found.real.vectors, axis=1), 1, atol=1e-6)


def test_very_long_and_very_short_vectors_keep_their_direction() -> None:
    vectors = np.random.default_rng(1).normal(size=(30, 8))
    scale = np.where(np.arange(30) % 2, 1e30, 1e-30)[:, None]
    found = population_of_table(table(vector=list((vectors * scale).astype(np.float32))))
    want = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(found.synthetic.vectors, want[1::2], atol=1e-5)
    np.testing.assert_allclose(found.real.vectors, want[::2], atol=1e-5)


def test_a_class_of_which_nothing_was_made_is_noted() -> None:
    labels = ["owl" if at == 0 else ("cat", "dog")[at // 2 % 2] for at in range(30)]
    found = population_of_table(table(**{"class": labels}))
    assert found.class_names == ("cat", "dog", "owl")
    assert found.notes == ("no synthetic image of 'owl'",)


PLAIN = table().to_pydict()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"vector": None}, r"has no column 'vector': .* image, class, source, encoder, vector"),
        ({"class": without(PLAIN["class"], 3, None)}, "1 of 15 synthetic images .* have no label"),
        ({"class": without(PLAIN["class"], 4, "  ")}, "1 of 15 real images .* the 3rd real one"),
        ({"class": ["cat"] * 30}, "holds one class, 'cat'"),
        (
            {
                "class": [
                    "emu" if at % 2 and at < 8 else one for at, one in enumerate(PLAIN["class"])
                ]
            },
            r"1 of 3 classes .* have no real image .*'emu' .4 synthetic.",
        ),
        ({"source": ["synthetic"] * 30}, "30 synthetic images and no real one"),
        ({"source": ["real"] * 30}, "no synthetic image"),
        ({"source": without(["real"] * 30, 1, "synthetic")}, "holds 1 synthetic image: nothing"),
        ({"source": without(PLAIN["source"], 5, "fake")}, "the 6th has 'fake': give real, synthe"),
        ({"encoder": without(PLAIN["encoder"], 9, "clip")}, r"mixes 2 encoders.*'mine' .29 rows."),
        ({"encoder": without(PLAIN["encoder"], 9, None)}, r"1 of 30 rows .* name no encoder"),
        ({"vector": without(PLAIN["vector"], 7, None)}, "1 of 30 images .*no vector, such as '7.j"),
        ({"vector": without(PLAIN["vector"], 7, [])}, "1 of 30 images .* have no vector"),
        ({"vector": without(PLAIN["vector"], 7, [1.0] * 7)}, r"8 in 29 rows, 7 in 1.*'7.jpg'"),
        (
            {"vector": without(PLAIN["vector"], 7, [float("nan")] + [1.0] * 7)},
            "1 of 15 vectors .* image '7.jpg' holds NaN, or a number beyond float32",
        ),
        (
            {"vector": without(PLAIN["vector"], 6, [None] + [1.0] * 7)},
            "image '6.jpg' holds NaN, or a number beyond float32",
        ),
        (
            {"vector": without(PLAIN["vector"], 7, [1e39] + [1.0] * 7)},
            "'7.jpg' holds NaN, or a number beyond float32",
        ),
        ({"vector": without(PLAIN["vector"], 7, [0.0] * 8)}, "'7.jpg' is zero and points nowhere"),
        ({"vector": [["x"]] * 30}, "column 'vector' .* is of type list<.*string>: give lists"),
        ({"vector": [1.0] * 30}, "column 'vector' .* is of type double"),
        ({"image": without(PLAIN["image"], 4, "2.jpg")}, r"real image '2.jpg' .2 times."),
        ({"image": without(PLAIN["image"], 4, None)}, "name no image, the first is the 5th"),
        ({"image": [[1]] * 30}, "column 'image' .* is of type list"),
        ({"made_from": ["gone.jpg"] * 30}, "none of the 15 images named .*'made_from'.*'gone.jpg'"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(columns, said) -> None:
    with pytest.raises(PopulationError, match=said):
        population_of_table(table(**columns))


def test_a_file_that_cannot_be_read_says_why(tmp_path) -> None:
    with pytest.raises(PopulationError, match=r"no table at .*absent"):
        population_of_table(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("image,class")
    with pytest.raises(PopulationError, match="cannot be read as a Parquet table"):
        population_of_table(tmp_path / "text.parquet")
    with pytest.raises(PopulationError, match="cannot be read as a Parquet table"):
        population_of_table(str(tmp_path))
    with pytest.raises(PopulationError, match="holds no rows"):
        population_of_table(table().slice(0, 0))


def test_many_vectors_are_read_in_a_moment() -> None:
    count, width = 50_000, 128
    vectors: Vectors = np.random.default_rng(3).normal(size=(count, width)).astype(np.float32)
    flat = pa.FixedSizeListArray.from_arrays(vectors.ravel(), width)
    given = table(count, vector=flat)
    began = time.perf_counter()
    found = population_of_table(given)
    assert time.perf_counter() - began < 5
    assert len(found.real) == count // 2
