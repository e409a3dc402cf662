import threading
import time

import pytest

from varifactory.shards.prefetch import in_order


def test_order_is_kept_and_little_is_held() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            begun.append(number)
        time.sleep(0.002 * (number % 3))
        return number

    found = []
    for number in in_order(work, range(60), threads=4, ahead=8):
        found.append(number)
        assert len(begun) <= len(found) + 8
    assert found == list(range(60))


def test_an_error_comes_in_its_place_and_ends_it() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    results = in_order(work, range(100), threads=2, ahead=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_whoever_stops_early_starts_no_more() -> None:
    begun: list[int] = []
    results = in_order(lambda n: begun.append(n), iter(range(1000)), threads=2, ahead=6)
    next(results)
    results.close()
    assert len(begun) <= 7
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]


def test_nothing_gives_nothing() -> None:
    assert list(in_order(str, [])) == []
