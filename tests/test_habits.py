"""What the project promises of its own files."""

import ast
import re
import statistics
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LOCKS = [ROOT / "requirements.lock", ROOT / "tests/servers/requirements.lock"]


def test_locks_are_exact_hashed_and_without_addresses() -> None:
    for lock in LOCKS:
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        entries = re.split(r"\n(?=\S)", text.strip())
        assert len(entries) > 50
        for entry in entries:
            assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry), entry[:60]
            assert "--hash=sha256:" in entry, entry[:60]


def test_the_lock_holds_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    locked = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==", LOCKS[0].read_text(), re.MULTILINE)
    }
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for group in project["project"]["optional-dependencies"].values():
        wanted += group
    names = {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", one)[0]).lower() for one in wanted}
    assert names - locked == set()


def test_the_licence_and_the_papers_are_named() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")[:200]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    numbers = {ref["identifiers"][0]["value"] for ref in citation["references"]}
    assert numbers == {"arXiv:2505.10551", "arXiv:2508.09550", "arXiv:2311.00056"}


def test_ci_calls_the_readme_s_test_command() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert script.strip().endswith("exec make test")
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", ROOT / ".ci/run"], check=True)


def test_files_and_functions_stay_small() -> None:
    """Files mostly under 300 lines, functions on a screen."""
    paths = [p for f in ("varifactory", "tasks", "flows") for p in (ROOT / f).rglob("*.py")]
    lines = {p: p.read_text(encoding="utf-8") for p in paths}
    long = [p for p, text in lines.items() if text.count("\n") > 300]
    assert len(long) <= 0.05 * len(paths), long
    assert max(text.count("\n") for text in lines.values()) <= 400
    sizes = {
        f"{path.name}:{node.name}": node.end_lineno - node.lineno + 1
        for path, text in lines.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    }
    assert {name: size for name, size in sizes.items() if size > 60} == {}
    assert statistics.median(sizes.values()) <= 12
