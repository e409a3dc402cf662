from collections import Counter

import pytest

from varifactory.history.samples import stratified


def rows(**sizes: int) -> list[dict[str, str]]:
    return [{"key": f"{kind}{at:05d}", "kind": kind} for kind, n in sizes.items()
            for at in range(n)]  # fmt: skip


def drawn(found: list[dict[str, str]], **how: object) -> Counter[str]:
    settings = {"share": 0.01, "least": 5, "seed": 0, **how}
    return Counter(row["kind"] for row in stratified(found, lambda r: r["kind"], **settings))


@pytest.mark.parametrize(("total", "wanted"), [(3, 3), (100, 5), (600, 6), (5001, 51)])
def test_one_percent_but_at_least_five_and_never_more_than_there_are(
    total: int, wanted: int
) -> None:
    assert drawn(rows(a=total)).total() == wanted


def test_every_kind_is_seen_and_has_its_part() -> None:
    found = drawn(rows(a=9000, b=900, c=10))
    assert found.total() == 100
    assert found["c"] == 1
    assert 85 <= found["a"] <= 92


def test_where_there_is_no_room_for_all_the_largest_kinds_are_seen() -> None:
    assert set(drawn(rows(a=50, b=40, c=30, d=20, e=10, f=1), share=0.01)) == set("abcde")


def test_the_seed_decides_whatever_the_order() -> None:
    found = rows(a=100, b=100)

    def names(seed: int, given: list[dict[str, str]]) -> list[str]:
        return [row["key"] for row in stratified(given, lambda r: r["kind"], 0.05, 5, seed)]

    assert names(1, found) == names(1, found[::-1])
    assert names(1, found) != names(2, found)
