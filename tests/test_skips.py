"""What may be skipped, and where: the rules of ``tests/conftest.py``, run on tests of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

def test_runs():
    pass

@pytest.mark.browser
def test_of_pages():
    pytest.skip("no browser")

@pytest.mark.database
def test_of_tables():
    pytest.skip("no database")
"""
SKIPS = """
def test_of_a_mood():
    pytest.skip("not today")
"""
SETTINGS = """
[pytest]
markers =
    browser: one
    database: another
"""


def run(folder: Path, text: str, *options: str, **environment: str) -> tuple[int, str]:
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "test_some.py").write_text(text)
    (folder / "pytest.ini").write_text(SETTINGS)
    clean = {name: value for name, value in os.environ.items()
             if name not in ("CI", "VARIFACTORY_FULL", "PYTEST_ADDOPTS")}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         f"--basetemp={folder / 'made'}", *options, "."],
        cwd=folder, env={**clean, **environment}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_what_needs_a_service_skips_aloud(tmp_path: Path, options: tuple[str, ...]) -> None:
    code, said = run(tmp_path, TESTS, *options, CI="true")
    assert code == 0
    assert "NOT TESTED: 1 that need a browser, 1 that need a database; `make test-full`" in said
    assert "1 passed, 2 skipped" in said


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_any_other_skip_fails_in_ci(tmp_path: Path, options: tuple[str, ...]) -> None:
    code, said = run(tmp_path, TESTS + SKIPS, *options, CI="true")
    assert code == 1
    assert "test_of_a_mood must run here, and was skipped: Skipped: not today" in said
    assert run(tmp_path, TESTS + SKIPS, *options)[0] == 0


def test_the_full_run_skips_nothing(tmp_path: Path) -> None:
    code, said = run(tmp_path, TESTS, VARIFACTORY_FULL="1")
    assert code == 1
    assert "2 failed, 1 passed" in said


def test_a_module_that_skips_itself_fails_in_ci(tmp_path: Path) -> None:
    text = "import pytest\npytest.skip('all of it', allow_module_level=True)\n"
    code, said = run(tmp_path, text, CI="true")
    assert code != 0
    assert "must run here, and was skipped as a whole" in said
