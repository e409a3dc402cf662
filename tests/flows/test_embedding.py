import numpy as np
from prefect import flow

from flows.embedding import embedded
from flows.run import FactoryRun
from varifactory.embeddings import read_embeddings, vectors_of
from varifactory.loading import items_of
from varifactory.store import Store


def test_items_and_their_first_attempts_are_embedded_once(tiny, generate, tmp_path) -> None:
    recipe, store = tiny(), Store(str(tmp_path))
    generate(recipe, tmp_path)
    items = items_of(store, "tiny", 1)

    @flow(persist_result=False)
    def embedding() -> tuple[str, dict]:
        with FactoryRun.begin("study", recipe, str(tmp_path)) as run:
            found = embedded(run, items)
            embedded(run, items[:3])
            return found, run.stages["embeddings"]

    spec, first = embedding()
    again, second = embedding()
    hashes = list(dict.fromkeys(
        row[column] for row in items for column in ("pixel_sha256", "first_sha256") if row[column]
    ))  # fmt: skip
    assert len(read_embeddings(store, spec).pixels) == len(hashes) > 10
    np.testing.assert_allclose(
        np.linalg.norm(vectors_of(store, spec, hashes), axis=1), 1, atol=1e-5
    )
    assert (spec, second.reused) == (again, second.items)
    assert first.reused == 3  # of the second asking
