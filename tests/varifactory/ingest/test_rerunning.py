"""A rerun says what it cannot take up."""

from collections.abc import Callable

import pytest

from varifactory.errors import FactoryError
from varifactory.ingest.publishing import Ingested
from varifactory.past_runs import find_run
from varifactory.store import Store


def test_foreign_images_are_taken_in_again_not_rerun(
    store: Store, take: Callable[..., Ingested]
) -> None:
    with pytest.raises(FactoryError, match="no run of data set 'theirs'"):
        find_run(store, dataset="theirs")
    taken = take()
    with pytest.raises(FactoryError, match="made by `varifactory ingest`, whose work rerun does n"):
        find_run(store, dataset="theirs")
    with pytest.raises(FactoryError, match="is one of 'ingest': rerun takes up runs of generate"):
        find_run(store, run=taken.manifest.run_id)
