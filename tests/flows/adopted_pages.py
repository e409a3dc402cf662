"""When the page of an instrument is adopted, and when it is made again; for both instruments."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.flows.conftest import ended

MARK = b"<!-- marked -->"


def check_adoption(
    run: Callable[..., dict[str, Any]],
    first: dict[str, Any],
    log: Callable[[], str],
    *,
    task: str,
    setting: str,
    forget: Callable[[str], None],
) -> dict[str, Any]:
    """What the run says that makes the page again, after all that adopts it or makes another.

    The page is marked, to see whether another is written in its place.

    ``run`` takes settings and is the flow on its store, ``first`` what it said before, ``log`` what
    was logged since. ``setting`` counts another page; ``forget`` makes one row that the plan in a
    folder names to be made again.
    """
    page = Path(first["report"])
    page.write_bytes(page.read_bytes() + MARK)
    assert run()["report"] == str(page)
    assert MARK in page.read_bytes()
    assert f"the page was there, of the same plan and the same rows: {page}" in log()
    other = run((setting,))
    assert other["made"] == 0
    assert other["report"] != str(page)
    assert ended(other["run"], task) == ("Completed", f"counted: {other['report']}")
    assert MARK in page.read_bytes()
    forget(page.parent.name)
    again = run()
    assert MARK not in page.read_bytes(), "what it was counted from was made again"
    return again
