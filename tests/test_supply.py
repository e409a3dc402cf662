"""What is installed is what was reviewed: exact versions with hashes, and no code at start-up."""

import re
import site
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements.lock", "docker/requirements.lock", "tests/servers/requirements.lock"]
AT_START = {"distutils-precedence.pth", "_editable_impl_varifactory.pth"}
"""Files that Python runs at its start and that belong here; a stolen release once came as one."""


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_versions_and_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    packages = re.split(r"\n(?=\S)", text.replace("\\\n", " ").strip())
    packages = [one for one in packages if not one.startswith("#")]
    assert len(packages) > 20
    for one in packages:
        assert re.match(r"^[A-Za-z0-9._-]+(\[[^]]*\])?==\S+", one), one[:80]
        assert "--hash=sha256:" in one, one[:80]
    assert "://" not in text


def test_nothing_new_runs_when_python_starts() -> None:
    found = {path.name for place in site.getsitepackages() for path in Path(place).glob("*.pth")}
    assert found <= AT_START, f"look into {found - AT_START} before you list it here"


@pytest.mark.parametrize("release", ["1.82.7", "1.82.8"])
def test_stolen_releases_are_shut_out(release: str) -> None:
    assert f"litellm=={release}" not in (ROOT / "requirements.lock").read_text()
    assert f"!={release}" in (ROOT / "pyproject.toml").read_text()


def test_installing_checks_hashes() -> None:
    installs = [line for line in (ROOT / "Makefile").read_text().splitlines() if ".lock" in line]
    steps = [line for line in installs if "install" in line]
    assert steps
    assert all("--require-hashes" in line for line in steps if "requirements.lock" in line)
    assert "--require-hashes" in (ROOT / "docker/Dockerfile").read_text()
