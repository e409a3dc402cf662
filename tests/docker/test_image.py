"""The Dockerfile as far as it can be held to its word without Docker."""

import json
import re
import shlex
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
LINES = [
    (one["instruction"], one["value"])
    for one in DockerfileParser(
        fileobj=BytesIO((ROOT / "docker/Dockerfile").read_bytes())
    ).structure
    if one["instruction"] != "COMMENT"
]
PIN = re.compile(r"^([A-Za-z0-9._-]+(?:\[[^]]*\])?)==(\S+)", re.MULTILINE)


def values(instruction: str) -> list[str]:
    return [value for name, value in LINES if name == instruction]


def pins(path: Path) -> dict[str, str]:
    return dict(PIN.findall(path.read_text()))


def test_targets_stand_upon_each_other_and_bases_are_pinned() -> None:
    stages = [value.split(" AS ") for value in values("FROM")]
    names = [name for _, name in stages]
    assert names == ["packages", "factory", "cpu", "gpu"]
    for number, (base, _) in enumerate(stages):
        assert base in names[:number] or re.fullmatch(r"python:\$\{PYTHON\}-slim-bookworm", base)


def test_what_is_copied_is_there_and_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    kept_back = {line for line in lines if line and line[0] not in "#!*"}
    assert {"docker/.env", "docker/providers.env"} <= kept_back
    for value in values("COPY"):
        words = value.split()
        if words[0].startswith("--from="):
            assert words[0] == "--from=packages"
            continue
        for source in words[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in sent, f"{source} is ignored by .dockerignore"


def test_nothing_runs_as_root_and_nothing_secret_is_baked_in() -> None:
    users = values("USER")
    assert users == ["10001"]
    after = LINES[LINES.index(("USER", "10001")) + 1 :]
    assert not [line for line in after if line[0] in ("RUN", "COPY", "ADD")]
    assert not values("ADD")
    text = (ROOT / "docker/Dockerfile").read_text().lower()
    assert not re.search(r"(password|secret|token|api_key)\w*\s*=", text)


def test_its_packages_are_those_of_the_lock_that_tests_run_with() -> None:
    ours, all_pins = pins(ROOT / "docker/requirements.lock"), pins(ROOT / "requirements.lock")
    assert {name: version for name, version in ours.items() if all_pins.get(name) != version} == {}
    assert {"prefect", "torch", "prefect-dask"} <= set(ours)
    assert not {"pytest", "ruff", "mypy"} & set(ours)
    assert "--hash=sha256:" in (ROOT / "docker/requirements.lock").read_text()


@pytest.mark.parametrize("value", [*values("CMD"), *values("HEALTHCHECK")])
def test_commands_are_there(value: str) -> None:
    _, _, words = value.partition("CMD ") if "CMD " in value else ("", "", value)
    program, *arguments = json.loads(words)
    assert program == "python"
    if arguments[0] != "-m":
        assert (ROOT / arguments[0]).is_file()
        return
    options = [word for word in arguments[2:] if word.startswith("--")]
    shown = subprocess.run(
        [sys.executable, "-m", arguments[1], "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert not [option for option in options if option not in shown]


def test_run_lines_are_shell_that_stops_at_the_first_failure() -> None:
    for line in values("RUN"):
        line = " ".join(word for word in line.split() if not word.startswith("--mount="))
        assert ";" not in line, "join commands by && so that a failure is seen"
        assert shlex.split(line)
        subprocess.run(["/bin/sh", "-n", "-c", line], check=True)
