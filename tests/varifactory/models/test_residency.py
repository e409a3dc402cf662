"""Models that stay: loaded once whoever asks, given up when memory is really short."""

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.varifactory.models.test_accelerator import limited
from varifactory.models import residency
from varifactory.models.residency import Resident, drop_all


class Model:
    """Something that can be referred to weakly."""


@pytest.fixture(autouse=True)
def nobody_else() -> None:
    drop_all()


def test_many_threads_load_once_and_use_one_at_a_time() -> None:
    inside: list[int] = []

    def load() -> Model:
        time.sleep(0.05)
        return Model()

    resident = Resident("painter", load)

    def work(n: int) -> tuple[int, int]:
        with resident.use() as model:
            inside.append(n)
            time.sleep(0.002)
            alone = inside == [n]
            inside.remove(n)
            return id(model), int(alone)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(work, range(40)))
    assert len(found) == 1, "several models, or several users"
    assert found.pop()[1] == 1
    assert resident.loads == 1


def test_a_load_that_fails_is_tried_again_by_the_next() -> None:
    tries: list[int] = []

    def load() -> Model:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("half a file")
        return Model()

    resident = Resident("painter", load)
    with pytest.raises(ValueError, match="half a file"), resident.use():
        pass
    with resident.use():
        pass
    assert resident.loads == 1


def test_what_somebody_uses_is_never_given_up() -> None:
    used, idle = Resident("used", Model), Resident("idle", Model)
    with idle.use() as model:
        kept = weakref.ref(model)
    del model
    with used.use():
        assert drop_all() == 1
        gc.collect()
        assert kept() is None
        assert used.loads == 1
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(used.drop).result() is False
    assert used.drop()
    assert not used.drop()


def test_an_error_while_in_use_leaves_it_usable() -> None:
    resident = Resident("painter", Model)
    with pytest.raises(KeyError), resident.use():
        raise KeyError("prompt")
    with resident.use():
        pass
    assert resident.loads == 1


def test_a_model_that_nobody_knows_any_more_is_not_kept() -> None:
    resident = Resident("a painter of this test alone", Model)
    with resident.use() as model:
        kept = weakref.ref(model)
    assert resident in residency._resident
    del model, resident
    gc.collect()
    assert kept() is None
    assert "a painter of this test alone" not in {each.name for each in residency._resident}


def test_short_memory_gives_up_the_longest_unused_first() -> None:
    found = limited(
        "room(700)\n"
        "old, new, third = (Resident(n, lambda: take(300)) for n in ('old', 'new', 'third'))\n"
        "for each in (old, new, third, new):\n"
        "    with each.use() as weights: assert weights.sum() > 0\n"
        "    del weights\n"
        "before = [old.loads, new.loads, third.loads]\n"
        "with old.use(): pass\n"
        "print(json.dumps([before, [old.loads, new.loads, third.loads]]))"
    )
    assert found == [[1, 1, 1], [2, 1, 1]]


def test_a_model_that_is_too_large_names_the_settings() -> None:
    said = limited(
        "from varifactory.errors import ModelError\n"
        "room(300)\n"
        "try:\n"
        "    with Resident('edits.checkpoint.name org/large', lambda: take(900)).use(): pass\n"
        "except ModelError as error:\n"
        "    print(json.dumps(str(error)))"
    )
    assert "edits.checkpoint.name org/large does not fit" in said
    assert "checkpoint.dtype" in said


def test_a_user_that_waits_gets_the_model_that_was_dropped_meanwhile_anew() -> None:
    resident = Resident("painter", Model)
    began, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with resident.use():
            began.set()
            go_on.wait(5)

    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(hold)
        began.wait(5)
        assert not resident.drop()
        go_on.set()
        holder.result()
    assert resident.drop()
    with resident.use():
        pass
    assert resident.loads == 2
