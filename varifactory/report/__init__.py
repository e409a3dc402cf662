"""The report of a study: one page, and its figures as tables."""

from varifactory.report.downloads import report_files
from varifactory.report.page import MACHINERY, is_plain_address, render_study
from varifactory.report.tables import tables
from varifactory.report.verdict import headline

__all__ = [
    "MACHINERY", "headline", "is_plain_address", "render_study", "report_files",
    "tables",
]  # fmt: skip
