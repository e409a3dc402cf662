"""Rows of a large stage, group by group: never all of it is in memory at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.shards.prefetch import in_order
from varifactory.store.parts import Wanted
from varifactory.store.reading import Reading, filled
from varifactory.store.rows import TOMBSTONE, together, winners


class Grouping(Reading):
    """The rows of a stage by the values of one column."""

    def grouped(
        self, stage: str, spec: str, by: str, values: Iterable[str], columns: Sequence[str]
    ) -> Iterator[tuple[str, pa.Table]]:
        """Each value's rows that count, sorted by key; a value without rows is left out.

        Values come in the order in which their parts are read, not in that given. In memory are
        the wanted columns of the parts of one value, and of the next one's where every part is
        one group's: it is read meanwhile.
        """
        places, stones = self._places(stage, spec, by)
        wanted = Wanted(frozenset((by, *columns)), once=True)
        order = sorted({*values} & places.keys(), key=lambda value: places[value])

        def read(name: str) -> pa.Table:
            return self._read_strictly(stage, spec, name, wanted).table

        for value, parts in _parts(order, places, read):
            tables = [table.filter(pc.equal(table[by], value)) for table in parts]
            table = winners(together([*tables, *stones], f"stage {stage!r}, spec {spec!r}"))
            if len(table := filled(table, columns)):
                yield value, table

    def _places(
        self, stage: str, spec: str, by: str
    ) -> tuple[dict[str, tuple[str, ...]], list[pa.Table]]:
        """Value -> names of the parts that hold it; and the tombstones of all parts."""
        places: dict[str, list[str]] = {}
        stones = []
        for part in sorted(self._live(stage, spec, Wanted.asked((by,), None)), key=_name):
            is_stone = pc.equal(part.table["status"], TOMBSTONE)
            if pc.any(is_stone).as_py():
                stones.append(part.table.filter(is_stone))
            if by in part.table.column_names:
                for value in pc.unique(part.table[by]).drop_null().to_pylist():
                    places.setdefault(value, []).append(part.name)
        return {value: tuple(names) for value, names in places.items()}, stones


def _parts(
    order: Sequence[str], places: Mapping[str, Sequence[str]], read: Callable[[str], pa.Table]
) -> Iterator[tuple[str, list[pa.Table]]]:
    """Each value's parts; a part of several values is read once where these follow each other."""
    names = [name for value in order for name in places[value]]
    if len(set(names)) == len(names):
        ahead = in_order(
            lambda value: [read(name) for name in places[value]], order, threads=1, ahead=1
        )
        yield from zip(order, ahead, strict=True)
        return
    held: dict[str, pa.Table] = {}
    for value in order:
        held = {name: held[name] if name in held else read(name) for name in places[value]}
        yield value, list(held.values())


def _name(part: Any) -> str:
    return str(part.name)
