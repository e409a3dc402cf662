"""The steps of a Dockerfile without Docker: each stage in a copy-on-write copy of this system.

python docker/rehearse.py [--target cpu]      as root, on Linux with Debian's python3-venv

Every COPY and RUN is carried out as written, with the stage's ENV, WORKDIR and USER; then the
command that the image starts with is asked for its help, by the user it will run as. What differs
from a real build: the base image is this system, and caches are not mounted.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[1]
ALONE = "VARIFACTORY_REHEARSAL"
"""Set once this process has mounts of its own, which end with it."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Stage:
    """A stage under way."""

    name: str
    place: Path
    folder: str = "/"
    user: str = "0"
    command: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=lambda: {"PATH": SYSTEM_PATH})

    def run(self, line: str, user: str = "0") -> None:
        """Carry out a shell line inside.

        Raises:
            SystemExit: it failed.
        """
        who = ["--userspec", f"{user}:{user}"] if user != "0" else []
        inside = ["chroot", *who, str(self.place), "/bin/sh", "-ec", f"cd {self.folder}; {line}"]
        print(f"[{self.name}] {line[:160]}", flush=True)
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        if subprocess.run(inside, env=self.variables | pip, check=False).returncode:
            sys.exit(f"stage {self.name}: this step failed: {line}")


def main() -> None:
    """Carry out the stages that a target needs."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--target", default="cpu")
    target = asked.parse_args().target
    if not os.environ.get(ALONE):
        alone = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
        sys.exit(subprocess.run(alone, env=os.environ | {ALONE: "1"}, check=False).returncode)
    place = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    try:
        stages = carried_out(steps(ROOT / "docker" / "Dockerfile"), place)
        last = stages[target]
        last.run(" ".join(map(shlex.quote, [*last.command, "--help"])), last.user)
        print(f"every step of {target} was carried out, and its command starts as {last.user}")
    finally:
        for mount in sorted(place.glob("*/root"), reverse=True):
            subprocess.run(["umount", "--recursive", "--lazy", str(mount)], check=False)
        shutil.rmtree(place, ignore_errors=True)


def steps(path: Path) -> list[tuple[str, str]]:
    """Instruction and its words, in the order of the file."""
    parsed = DockerfileParser(fileobj=BytesIO(path.read_bytes()))
    return [
        (one["instruction"], one["value"])
        for one in parsed.structure
        if one["instruction"] != "COMMENT"
    ]


def carried_out(lines: list[tuple[str, str]], place: Path) -> dict[str, Stage]:
    """Every stage, by name."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for instruction, value in lines:
        if instruction == "FROM":
            base, _, name = value.partition(" AS ")
            stage = stages[name] = begun(place / name, name, stages.get(base))
        elif stage is not None:
            carry_out(stage, stages, instruction, value)
    return stages


def begun(place: Path, name: str, base: Stage | None) -> Stage:
    """A stage upon another one or upon this system."""
    root, upper, work = place / "root", place / "upper", place / "work"
    for folder in (root, upper, work):
        folder.mkdir(parents=True)
    lower = str(base.place) if base else "/"
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(root)], check=True)
    for shared in ("dev", "proc"):
        subprocess.run(["mount", "--rbind", f"/{shared}", str(root / shared)], check=True)
    if base is None:
        python = root / "usr/local/bin/python"
        python.unlink(missing_ok=True)
        python.symlink_to("/usr/bin/python3")
        return Stage(name, root)
    return Stage(name, root, base.folder, base.user, base.command, dict(base.variables))


def carry_out(stage: Stage, stages: dict[str, Stage], instruction: str, value: str) -> None:
    """One instruction; those about serving alone are looked at by the tests."""
    if instruction == "RUN":
        stage.run(" ".join(word for word in value.split() if not word.startswith("--mount=")))
    elif instruction == "COPY":
        copy(stage, stages, value.split())
    elif instruction == "ENV":
        for pair in shlex.split(value):
            name, _, text = pair.partition("=")
            stage.variables[name] = text.replace("$PATH", stage.variables["PATH"])
    elif instruction == "WORKDIR":
        stage.folder = value
        (stage.place / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif instruction == "USER":
        stage.user = value
    elif instruction == "CMD":
        stage.command = json.loads(value)


def copy(stage: Stage, stages: dict[str, Stage], words: list[str]) -> None:
    """COPY with and without ``--from``."""
    origin = ROOT
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].place
    *sources, goal = words
    into = stage.place / os.path.join(stage.folder, goal).lstrip("/")
    print(f"[{stage.name}] COPY {' '.join(words)}", flush=True)
    for source in sources:
        found = origin / source.lstrip("/")
        whole = into if found.is_dir() or not goal.endswith("/") else into / found.name
        whole.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--archive", "--no-target-directory", found, whole], check=True)


if __name__ == "__main__":
    main()
