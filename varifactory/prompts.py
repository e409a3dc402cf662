"""Prompts: pools of phrases a class, attribute and feasibility, rendered for the inpainter.

Two pools belong together: the feasible and the infeasible one of a class and attribute. Nothing
may stand in both, and both end with equally many prompts, so that neither arm has more variety.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from varifactory.catalog import Attribute, Catalog
from varifactory.catalog.phrases import normal_form
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.errors import ModelError
from varifactory.keys import item_key
from varifactory.models import NoAnswer, PromptRequest, Writer, WrittenPrompt
from varifactory.recipe import Prompts, Recipe
from varifactory.stages import Made, Row, failed

Pair = tuple[str, str]
"""Class name and attribute: a feasible and an infeasible pool."""


def prompt_spec(recipe: Recipe, writer: Writer) -> dict[str, Any]:
    """What all prompts of a run share: the writer. Words and templates are in each item's key."""
    return {"writer": dict(writer.identity)}


def plan_prompts(
    spec: str, class_names: Iterable[str], catalog: Catalog, settings: Prompts, writer: Writer
) -> list[Row]:
    """One row a place in every pool, ``settings.per_pool`` places each.

    A writer that only looks words up is asked now, and its words enter the key. A model's answer
    is not known yet: then the key holds what it will be told.

    Raises:
        RecipeError: an attribute without an entry, or a class without pools.
    """
    attributes = [catalog.attribute(name) for name in dict.fromkeys(settings.attributes)]
    return [
        row
        for class_name in dict.fromkeys(class_names)
        for attribute in attributes
        for feasibility in FEASIBILITIES
        for row in _pool(
            spec, PromptRequest(class_name, attribute, feasibility, settings.per_pool), writer
        )
    ]


def _pool(spec: str, request: PromptRequest, writer: Writer) -> list[Row]:
    known = writer.write(request) if writer.known_ahead else None
    return [_place(spec, request, index, known) for index in range(request.count)]


def _place(spec: str, request: PromptRequest, index: int, known: list[WrittenPrompt] | None) -> Row:
    attribute = request.attribute
    place: Row = {
        "label": request.class_name,
        "attribute": attribute.name,
        "feasibility": request.feasibility,
        "index": index,
    }
    if known is None:
        identity = {"template": attribute.template(index), "told": told(attribute)}
        return {"key": item_key(spec, **place, **identity), **place}
    if index >= len(known):
        lack = {"reason": _only(len(known), request.count)}
        return {"key": item_key(spec, **place, value=None), **place, **lack}
    words = _words(attribute, place, known[index])
    key = item_key(spec, **place, value=words["value"], text=words["text"])
    return {"key": key, **place, **words}


def told(attribute: Attribute) -> dict[str, Any]:
    """What a writing model is told of an attribute."""
    return {
        "attribute": attribute.name,
        "may_change": attribute.region,
        "known": [value.phrase for value in attribute.values.values()],
    }


def write_prompts(
    rows: Sequence[Row], writer: Writer, catalog: Catalog, standing: Sequence[Row] = ()
) -> list[Made]:
    """Fill planned places, one request a pool.

    Args:
        rows: best both pools of a pair together (``pairs``), so that they can be compared.
        standing: rows that are in the store already: new words of a pool must differ from its
            own and its partner's. Rows of the very places that are planned are passed over, and
            all of them where the words are known ahead (a taxonomy's pools are compared as they
            are read, and an older taxonomy's rows have no say).

    Returns:
        A ``Made`` a row, in order: ``ok``; ``rejected`` where a value stands in both pools or has
        no counterpart; ``skipped`` where the writer had no more; ``failed`` without an answer.

    Raises:
        ModelError: the writer cannot work, and nothing was written yet. Once something was, the
            remaining rows end as ``failed``, so that answers already paid for are kept.
    """
    made: dict[str, Made] = {}
    stopped: ModelError | None = None
    others = _others(rows, () if writer.known_ahead else standing)
    for pair in pairs(rows):
        beside = others.get(_pair(pair[0]), [])
        written: list[Made] = []
        for pool in _by_feasibility(pair):
            try:
                if stopped is None:
                    written += _write_pool(pool, writer, catalog, beside)
                    continue
            except ModelError as error:
                if not made and not written:
                    raise
                stopped = error
            written += [failed(row, stopped) for row in pool]
        made |= {one.row["key"]: one for one in _compared(written, beside)}
    return [made[row["key"]] for row in rows]


def pairs(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows by class and attribute, feasible before infeasible, each pool in order."""
    found: dict[Pair, list[Row]] = {}
    for row in rows:
        found.setdefault(_pair(row), []).append(row)
    return [
        sorted(pair, key=lambda row: (row["feasibility"], row["index"])) for pair in found.values()
    ]


def _others(rows: Iterable[Row], standing: Iterable[Row]) -> dict[Pair, list[Row]]:
    """What stands beside the planned places, by pair."""
    planned = {_place_of(row) for row in rows}
    found: dict[Pair, list[Row]] = {}
    for row in standing:
        if _place_of(row) not in planned:
            found.setdefault(_pair(row), []).append(row)
    return found


def _place_of(row: Row) -> tuple[str, str, str, int]:
    return row["label"], row["attribute"], row["feasibility"], row["index"]


def _pair(row: Row) -> Pair:
    return row["label"], row["attribute"]


def _by_feasibility(pair: Sequence[Row]) -> list[list[Row]]:
    pools = [[row for row in pair if row["feasibility"] == name] for name in FEASIBILITIES]
    return [pool for pool in pools if pool]


def _write_pool(
    rows: Sequence[Row], writer: Writer, catalog: Catalog, beside: Sequence[Row]
) -> list[Made]:
    if writer.known_ahead:
        return [Made({**row, "status": "ok" if row.get("text") else "skipped"}) for row in rows]
    first = rows[0]
    attribute = catalog.attribute(first["attribute"])
    taken = [
        row["value"]
        for row in beside
        if row["feasibility"] == first["feasibility"] and row.get("value")
    ]
    request = PromptRequest(
        first["label"], attribute, first["feasibility"], len(rows), tuple(taken)
    )
    try:
        prompts = writer.write(request)
    except NoAnswer as nothing:
        return [Made({**row, **_unanswered(nothing, len(rows))}) for row in rows]
    fresh = _distinct(prompts, taken)
    filled = [
        Made({**row, **_words(attribute, row, prompt), "status": "ok"})
        for row, prompt in zip(rows, fresh, strict=False)
    ]
    lack = _only(len(fresh) + len(taken), len(rows) + len(taken), len(prompts) - len(fresh))
    return filled + [
        Made({**row, "status": "skipped", "reason": lack}) for row in rows[len(fresh) :]
    ]


def _unanswered(nothing: NoAnswer, rows: int) -> Row:
    return {
        "status": nothing.status,
        "reason": str(nothing),
        "error_type": type(nothing).__name__ if nothing.status == "failed" else None,
        "raw": nothing.raw,
        "cost_usd": None if nothing.cost_usd is None else nothing.cost_usd / rows,
    }


def _words(attribute: Attribute, row: Row, prompt: WrittenPrompt) -> Row:
    return {
        "value": prompt.value,
        "text": attribute.render(row["index"], row["label"], prompt.phrase),
        "raw": prompt.raw,
        "cost_usd": prompt.cost_usd,
    }


def _only(had: int, wanted: int, repeated: int = 0) -> str:
    repeats = f", and repeated itself {repeated} times" if repeated > 0 else ""
    return f"the writer had only {had} of {wanted} values{repeats}"


def _distinct(prompts: Sequence[WrittenPrompt], taken: Iterable[str]) -> list[WrittenPrompt]:
    seen = {normal_form(value) for value in taken}
    fresh = []
    for prompt in prompts:
        form = normal_form(prompt.value)
        if form not in seen:
            seen.add(form)
            fresh.append(prompt)
    return fresh


def _compared(written: Sequence[Made], beside: Sequence[Row]) -> list[Made]:
    """Both pools of a pair with overlaps and surplus rejected."""
    return _balanced(_apart(written, beside), beside)


def _apart(written: Sequence[Made], beside: Sequence[Row]) -> list[Made]:
    held: dict[str, dict[str, str]] = {name: {} for name in FEASIBILITIES}
    for row in [*beside, *(made.row for made in written)]:
        if row.get("value") and row["status"] in ("ok", "rejected"):
            held[row["feasibility"]].setdefault(normal_form(row["value"]), row["value"])

    def checked(made: Made) -> Made:
        twin = held[_other(made.row["feasibility"])].get(normal_form(made.row.get("value") or ""))
        if made.row["status"] != "ok" or twin is None:
            return made
        return _rejected(
            made,
            f"{made.row['value']!r} stands in the {made.row['feasibility']} and {twin!r} in the "
            f"{_other(made.row['feasibility'])} pool: it cannot be both",
        )

    return [checked(made) for made in written]


def _balanced(written: Sequence[Made], beside: Sequence[Row]) -> list[Made]:
    rows = [*beside, *(made.row for made in written)]
    answered = {row["feasibility"] for row in rows if row.get("value")}
    if answered != set(FEASIBILITIES) or any(row["status"] == "failed" for row in rows):
        # A pool that is still to be written has no size to be measured against.
        return list(written)
    ok = {
        name: [r["key"] for r in rows if r["feasibility"] == name and r["status"] == "ok"]
        for name in FEASIBILITIES
    }
    size = min(len(keys) for keys in ok.values())
    surplus = {key: name for name, keys in ok.items() for key in keys[size:]}
    return [
        _rejected(made, _no_counterpart(surplus[made.row["key"]], size))
        if made.row["key"] in surplus
        else made
        for made in written
    ]


def _no_counterpart(feasibility: str, size: int) -> str:
    return f"left out to keep pools equal: the {_other(feasibility)} pool has only {size} values"


def _rejected(made: Made, reason: str) -> Made:
    return Made({**made.row, "status": "rejected", "reason": reason})


def _other(feasibility: str) -> str:
    return FEASIBILITIES[1] if feasibility == FEASIBILITIES[0] else FEASIBILITIES[0]
