"""The report of a study: one page, and its figures as tables."""

from varifactory.report.page import (
    MACHINERY,
    as_csv,
    as_json,
    is_plain_address,
    render_report,
    said,
    scope,
    verdict,
)

__all__ = [
    "MACHINERY", "as_csv", "as_json", "is_plain_address", "render_report", "said", "scope",
    "verdict",
]  # fmt: skip
