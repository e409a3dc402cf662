"""On which machines and with which libraries the edits of a version were made."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from varifactory.stages import Row


def made_on(edits: Iterable[pa.Table]) -> list[dict[str, Any]]:
    """Device and library versions with the edits made so, the most first."""
    found: Counter[tuple[str, str]] = Counter()
    for table in edits:
        found.update(map(place, table.select(["device", "versions"]).to_pylist()))
    return [
        {"device": device, "libraries": json.loads(versions), "edits": count}
        for (device, versions), count in found.most_common()
    ]


def place(row: Row) -> tuple[str, str]:
    """Device and library versions of a row, the latter as JSON."""
    return str(row.get("device") or "unknown"), str(row.get("versions") or "{}")


def libraries_in_words(libraries: dict[str, str]) -> str:
    """``python 3.11.7, torch 2.15.0``."""
    return ", ".join(f"{name} {version}" for name, version in libraries.items()) or "unknown"
