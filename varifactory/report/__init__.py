"""The report of a study: one page, and its figures as tables."""

from varifactory.report.downloads import report_files
from varifactory.report.opening import headline
from varifactory.report.page import render_study
from varifactory.report.single import (
    MACHINERY,
    as_csv,
    as_json,
    is_plain_address,
    render_report,
    said,
    scope,
    verdict,
)
from varifactory.report.tables import tables

__all__ = [
    "MACHINERY", "as_csv", "as_json", "headline", "is_plain_address", "render_report",
    "render_study", "report_files", "said", "scope", "tables", "verdict",
]  # fmt: skip
