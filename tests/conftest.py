"""What every test finds: a clean environment, Prefect's test server on demand, honest skips.

A skip needs a reason that this machine gives: under ``CI=true`` only tests marked ``browser`` or
``database`` may skip, and with ``VARIFACTORY_FULL=1`` not even those.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

SERVICES = ("browser", "database")
OURS = ("PREFECT_", "AWS_", "VARIFACTORY_", "OPENAI_")
KEPT = ("VARIFACTORY_FULL", "VARIFACTORY_TEST_SERVERS", "VARIFACTORY_TEST_S3")
"""Variables by which a person steers the tests."""


def pytest_configure(config: pytest.Config) -> None:
    """Before anything reads it: no setting of this machine reaches a test."""
    real_s3 = "VARIFACTORY_TEST_S3" in os.environ
    for name in list(os.environ):
        wanted = name in KEPT or (real_s3 and name.startswith("AWS_"))
        if name.startswith(OURS) and not wanted:
            del os.environ[name]
    home = tempfile.TemporaryDirectory(prefix="prefect-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    os.environ |= {
        "PREFECT_HOME": home.name,
        "VARIFACTORY_CACHE": f"{home.name}/cache",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "BROWSER": "true",  # a command that opens a page opens nothing here
        # Small models run up to four times slower when two threads spin for them.
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """Prefect's server with an empty database, one a test process; its address."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield str(PREFECT_API_URL.value())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    services = [name for name in SERVICES if item.get_closest_marker(name)]
    if report.skipped and not hasattr(report, "wasxfail") and _must_run(services):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} must run here, and was skipped: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and _must_run([]):
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} must run here, and was skipped as a whole"
    return report


def _must_run(services: list[str]) -> bool:
    if services:
        return os.environ.get("VARIFACTORY_FULL", "") not in ("", "0")
    return os.environ.get("CI") == "true"


def _reason(report: pytest.TestReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud what this machine could not test."""
    missed = Counter(
        name
        for report in terminalreporter.stats.get("skipped", [])
        for name in SERVICES
        if name in report.keywords
    )
    if missed:
        said = ", ".join(f"{count} that need a {name}" for name, count in sorted(missed.items()))
        terminalreporter.write_line(
            f"NOT TESTED: {said}; `make test-full` installs what they need", yellow=True, bold=True
        )


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).parents[1]
