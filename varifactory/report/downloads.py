"""The data behind the page's plots and tables: in the page where they are small, else beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from varifactory.pages import data_uri
from varifactory.report.packing import packed_files
from varifactory.report.tables import study_json, tables
from varifactory.report.verdict import headline
from varifactory.study.datasets import DatasetFigures
from varifactory.study.figures import Study

ALL = "study.json"
BUDGET = 1_500_000
"""Bytes of data that the page itself may hold, as it holds them: it stays under 3 MB."""
KINDS = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "json": "application/json"}


@dataclass(frozen=True, slots=True)
class Link:
    """One file to take away."""

    file: str
    """The name it is saved under."""
    kind: str
    address: str
    beside: bool
    """Whether it lies beside the page and not in it."""
    size: int


def report_files(
    study: Study, datasets: Sequence[DatasetFigures] = (), title: str = ""
) -> Mapping[str, bytes]:
    """Path beside the page -> file: every table as CSV and Parquet, and all figures as JSON.

    A page holds the small ones itself; links to the large ones lead here.
    """
    everything = study_json(study, datasets, title, headline(study))
    return packed_files(tables(study, datasets), ALL, everything)


def links(files: Mapping[str, bytes], budget: int = BUDGET) -> Mapping[str, list[Link]]:
    """Name of a table -> its files; the smallest lie in the page until the budget is spent."""
    found: dict[str, list[Link]] = {}
    for path, data in sorted(files.items(), key=lambda one: len(one[1])):
        file = path.rpartition("/")[2]
        name, _, ending = file.rpartition(".")
        held = data_uri(KINDS[ending], data) if 4 * len(data) <= 3 * budget else ""
        budget -= len(held)
        link = Link(file, ending, held or path, not held, len(data))
        found.setdefault(name, []).append(link)
    return {name: sorted(kept, key=lambda link: link.kind) for name, kept in found.items()}
