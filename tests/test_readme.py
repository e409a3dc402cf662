"""The README's tree and commands are true."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def indented(text: str) -> list[str]:
    return [line[4:] for line in text.splitlines() if line.startswith("    ")]


def test_it_is_short_and_the_widest_line_fits() -> None:
    lines = README.splitlines()
    assert len(lines) < 200
    assert max(map(len, lines)) <= 110


def test_every_path_of_the_tree_is_there() -> None:
    folder = ""
    for line in indented(section("The tree")):
        name = line.split()[0]
        place = ROOT / (folder + name if line.startswith(" ") else name)
        assert place.exists(), f"the tree names {place.relative_to(ROOT)}"
        folder = folder if line.startswith(" ") else name


def test_every_top_folder_of_code_is_in_the_tree() -> None:
    tree = section("The tree")
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    folders = {path.split("/")[0] for path in tracked if "/" in path and not path.startswith(".")}
    assert {name for name in folders if f"{name}/" not in tree} == set()


def test_every_path_named_in_the_text_is_there() -> None:
    for path in re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)`", README):
        if (ROOT / path.split("/")[0]).exists():
            assert (ROOT / path).exists(), f"the README names {path}"


def test_make_knows_the_targets_that_are_named() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?make ([a-z-]+)`?(?=[\s,:;`])", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"


@pytest.mark.parametrize(
    "module",
    ["generate", "train", "study", "diagnose", "exchange_rate", "rerun", "adapt", "doctor"],
)
def test_the_flows_answer(module: str) -> None:
    assert f"python -m flows.{module}" in README
    found = subprocess.run(
        [sys.executable, "-m", f"flows.{module}", "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "Usage" in found.stdout


def test_the_commands_on_a_store_are_those_named() -> None:
    said = [*indented(README), *re.findall(r"`([^`]+)`", README)]
    named = {name for text in said for name in re.findall(r"(?:^|; )varifactory ([a-z-]+)", text)}
    assert {"plan", "diff", "why", "gc", "pin", "verify", "gallery", "export", "ingest"} <= named
    found = subprocess.run(
        [sys.executable, "-m", "varifactory.command", "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    for name in named:
        assert f"  {name} " in found.stdout, name


def test_python_of_the_readme_parses() -> None:
    lines = indented(section("Read a shared data set"))
    code = "\n".join(line for line in lines if not line.startswith("pip "))
    assert compile(code, "README.md", "exec").co_names[0] == "varifactory"


def test_a_reader_a_library_is_one_that_was_tried() -> None:
    """Each line opens a copy in the tests of the exports, word by word up to its options."""
    tried = (ROOT / "docs/reading.md").read_text(encoding="utf-8")
    for name in ("load_dataset", "pd.read_parquet", "pl.scan_parquet", "duckdb.sql",
                 "pyarrow.dataset.dataset", "wds.WebDataset"):  # fmt: skip
        (line,) = [one for one in indented(README) if one.startswith(name)]
        path = re.search(r"[\"'](quickstart-[^\"']+)[\"']", line)
        assert path
        assert f"{name}(" in tried
        assert path[1] in tried


def test_shell_lines_can_be_split() -> None:
    for line in indented(README):
        if line.startswith(("python -m", "varifactory ")):
            assert shlex.split(line.split("  #")[0].rstrip("\\"))
