"""``varifactory studies``: the studies of a store and what they came to."""

import json
from typing import Any

from varifactory.answering import Answer, Say, answering

REPORT = "report.json"
"""File beside a study's version: its figures; ``verdict`` is the report's first sentence."""


@answering("studies")
def studies(store: str, say: Say) -> Answer:
    """List the studies of a store: versions, cells, data sets, when and by whom, the verdict.

    The verdict is the written report's; `varifactory report` writes it from the store alone.
    """
    from varifactory.store import Store

    place = Store(store)
    found = {name: [_version(place, name, number) for number in numbers]
             for name, numbers in place.studies()}  # fmt: skip
    for name, versions in found.items():
        for told in versions:
            say(f"{name}@{told['version']}  {told['cells']:,} cells  on "
                f"{', '.join(told['datasets'])}  {told['made']} by {told['by']}")  # fmt: skip
            for line in filter(None, (told["verdict"], told["trained_since"])):
                say(f"    {line}")
    if not found:
        say("no study yet: python -m flows.study RECIPE makes one")
    return {"store": store, "studies": found}, 0


def _version(place: Any, name: str, number: int) -> dict[str, Any]:
    from varifactory.store import StoreError

    try:
        manifest = place.study(name, number)
    except StoreError as error:  # the others are listed all the same
        return {"version": number, "cells": 0, "datasets": [], "made": "unreadable", "by": "nobody",
                "run": "", "hash": "", "verdict": str(error), "trained_since": "",
                "report": ""}  # fmt: skip
    since = place.trained_since(manifest)
    again = f"{len(since)} cells were trained again since and came out otherwise: the next " \
            "run of the study makes a version of what is there now"  # fmt: skip
    return {
        "version": number,
        "cells": len(manifest.cells),
        "datasets": [f"{one}@{version}" for one, version in sorted(manifest.dataset_versions())],
        "made": f"{manifest.created_at:%Y-%m-%d %H:%M}",
        "by": manifest.actor,
        "run": manifest.run_id,
        "hash": manifest.study_hash,
        "verdict": _verdict(place, name, number),
        "trained_since": again if since else "",
        "report": place.study_path(name, number),
    }


def _verdict(place: Any, name: str, number: int) -> str:
    """The report's first sentence; empty where no report is written, or another program's is."""
    from varifactory.store import StoreError

    try:
        told = json.loads(place.get_study_file(name, number, REPORT))
    except (StoreError, ValueError, RecursionError):
        return ""
    verdict = told.get("verdict") if isinstance(told, dict) else None
    return " ".join(verdict.split()) if isinstance(verdict, str) else ""
